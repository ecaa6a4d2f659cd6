#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @grpc/grpc-js as a pipe: call.js PROTO SERVICE ADDRESS reads one call a line and answers one line,
// both JSON; see test/support/clients.py for their fields. TEST_CA in the environment: over TLS.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [proto, service, address] = process.argv.slice(2);
const definition = loader.loadSync(path.basename(proto), {
  includeDirs: [path.dirname(proto)],
  longs: String,
});
const methods = definition[service];
const {TEST_CA, TEST_CERT, TEST_KEY} = process.env;
const credentials = TEST_CA
  ? grpc.credentials.createSsl(...[TEST_CA, TEST_KEY, TEST_CERT].map((file) => file && fs.readFileSync(file)))
  : grpc.credentials.createInsecure();
const client = new grpc.Client(address, credentials);

function metadataOf(pairs) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of pairs) {
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}

// protobufjs knows nothing of FieldMask's JSON form, "a,b".
function messageOf(json) {
  if (typeof json.updateMask !== 'string') return json;
  return {...json, updateMask: {paths: json.updateMask.split(',')}};
}

function optionsOf(order) {
  return order.timeout === null ? {} : {deadline: Date.now() + order.timeout * 1000};
}

// One stream from its beginning to its end.
function stream(order) {
  const like = methods[order.like];
  const types = [order.path, like.requestSerialize, like.responseDeserialize];
  const end = [metadataOf(order.metadata), optionsOf(order)];
  const responses = [];
  return new Promise((resolve) => {
    const done = (status) => resolve({code: status.code, message: status.details, responses});
    if (order.kind === 'client_stream') {
      const calling = client.makeClientStreamRequest(...types, ...end, (error, response) => {
        if (!error) responses.push(response);
        done(error || {code: 0, details: ''});
      });
      order.requests.forEach((request) => calling.write(request));
      calling.end();
      return;
    }
    const calling = order.kind === 'server_stream'
      ? client.makeServerStreamRequest(...types, order.requests[0], ...end)
      : client.makeBidiStreamRequest(...types, ...end);
    calling.on('data', (response) => responses.push(response));
    calling.on('error', () => {});
    calling.on('status', done);
    if (order.kind === 'bidi_stream') {
      order.requests.forEach((request) => calling.write(request));
      calling.end();
    }
  });
}

function call(line) {
  const order = JSON.parse(line);
  if (order.kind) return stream(order);
  const like = methods[order.like];
  const options = optionsOf(order);
  return new Promise((resolve) => {
    client.makeUnaryRequest(order.path, like.requestSerialize, like.responseDeserialize,
      messageOf(order.request), metadataOf(order.metadata), options, (error, response) => {
        resolve(error ? {code: error.code, message: error.details} : {code: 0, message: '', response});
      });
  });
}

async function main() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    console.log(JSON.stringify(await call(line)));
  }
  client.close();
}

main();
