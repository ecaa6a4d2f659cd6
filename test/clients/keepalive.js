#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @grpc/grpc-js against a server's rules for connections: keepalive.js PROTO ADDRESS pings|idle OPTIONS, where OPTIONS are
// the channel's, as JSON. Tells what happens, a line each.
//   pings   a chat that says nothing more after its first message: "echo", then the code and the text of its end
//   idle    a call, the time without one, another call: "OK", "not READY", "OK"
// The input's end ends a chat.
'use strict';

const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [proto, address, what, options] = process.argv.slice(2);
const definition = loader.loadSync(path.basename(proto), {includeDirs: [path.dirname(proto)]});
const Service = grpc.makeClientConstructor(definition['user.UserService'], 'user.UserService');
const client = new Service(address, grpc.credentials.createInsecure(), JSON.parse(options));

function chat() {
  const stream = client.chatUsers();
  stream.on('data', () => console.log('echo'));
  stream.on('error', () => {});
  stream.on('status', (status) => {
    console.log(grpc.status[status.code], status.details);
    client.close();
    process.stdin.destroy();
  });
  stream.write({from: 'a', content: 'b'});
  process.stdin.on('end', () => stream.end()).resume();
}

function getUser(then) {
  client.getUser({id: 1}, (error) => {
    console.log(error ? grpc.status[error.code] : 'OK');
    then();
  });
}

function untilNotReady(then) {
  const channel = client.getChannel();
  channel.watchConnectivityState(grpc.connectivityState.READY, Infinity, () => {
    console.log('not READY');
    then();
  });
}

if (what === 'pings') chat();
else {
  const alive = setInterval(() => {}, 1000); // a connection without calls does not keep Node.js up
  getUser(() => untilNotReady(() => getUser(() => {
    clearInterval(alive);
    client.close();
  })));
}
