#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The health service as npm's grpc-health-check defines it: health.js ADDRESS SERVICE prints what Check
// says, then each status that Watch shows, a word a line, and at its end the code.
'use strict';

const grpc = require('@grpc/grpc-js');
const health = require('grpc-health-check');

const [address, service] = process.argv.slice(2);
const Client = grpc.makeClientConstructor(health.service, 'grpc.health.v1.Health');
const client = new Client(address, grpc.credentials.createInsecure());

client.check({service}, (error, response) => {
  console.log(error ? grpc.status[error.code] : response.status);
  const watch = client.watch({service});
  watch.on('data', (one) => console.log(one.status));
  watch.on('error', (failure) => console.log(grpc.status[failure.code]));
  watch.on('end', () => client.close());
});
