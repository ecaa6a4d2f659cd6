#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// grpc.testing.TestService on @grpc/grpc-js: server.js PROTO_FOLDER ADDRESS.
'use strict';

const {setTimeout: sleep} = require('timers/promises');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protoFolder, address] = process.argv.slice(2);
const definition = loader.loadSync('grpc/testing/test.proto', {includeDirs: [protoFolder], defaults: true});
const {TestService} = grpc.loadPackageDefinition(definition).grpc.testing;

const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';

// Sends the echoed header; the result is the trailers that echo.
function echoMetadata(call) {
  const initial = new grpc.Metadata();
  const trailing = new grpc.Metadata();
  for (const value of call.metadata.get(INITIAL)) initial.add(INITIAL, value);
  for (const value of call.metadata.get(TRAILING)) trailing.add(TRAILING, value);
  if (call.metadata.get(INITIAL).length > 0) call.sendMetadata(initial);
  return trailing;
}

function failure(status, metadata) {
  return status && status.code !== 0 ? {code: status.code, details: status.message, metadata} : null;
}

function payload(size) {
  return {body: Buffer.alloc(size)};
}

// True when the request has ended the call.
async function answer(call, request, trailing) {
  const error = failure(request.responseStatus, trailing);
  if (error) {
    call.emit('error', error);
    return true;
  }
  if (request.orcaOobReport) reportLoad(request.orcaOobReport);
  for (const {size, intervalUs} of request.responseParameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1000);
    call.write({payload: payload(size)});
  }
  return false;
}

// The requests as they come, then the end. (Awaiting them with `for await` would destroy the call, which the
// responses need still.)
function answerAll(call, trailing) {
  let before = Promise.resolve(false);
  call.on('data', (request) => {
    before = before.then((ended) => ended || answer(call, request, trailing));
  });
  call.on('end', async () => {
    if (!await before) call.end(trailing);
  });
}

function answerLate(call, trailing) {
  const requests = [];
  call.on('data', (request) => requests.push(request));
  call.on('end', async () => {
    for (const request of requests) {
      if (await answer(call, request, trailing)) return;
    }
    call.end(trailing);
  });
}

// Of the server as a whole, on the stream of reports. It has no method for the memory.
const reported = new grpc.ServerMetricRecorder();

function reportLoad({cpuUtilization, memoryUtilization, utilization}) {
  reported.setCpuUtilizationMetric(cpuUtilization);
  reported.message.mem_utilization = memoryUtilization;
  reported.setAllUtilizationMetrics(utilization);
}

function recordLoad(call, {cpuUtilization, memoryUtilization, requestCost, utilization}) {
  const recorder = call.getMetricsRecorder();
  recorder.recordCPUUtilizationMetric(cpuUtilization);
  recorder.recordMemoryUtilizationMetric(memoryUtilization);
  for (const [name, value] of Object.entries(requestCost)) recorder.recordRequestCostMetric(name, value);
  for (const [name, value] of Object.entries(utilization)) recorder.recordUtilizationMetric(name, value);
}

const handlers = {
  emptyCall(call, done) {
    done(null, {}, echoMetadata(call));
  },

  unaryCall(call, done) {
    const trailing = echoMetadata(call);
    const error = failure(call.request.responseStatus, trailing);
    if (call.request.orcaPerQueryReport) recordLoad(call, call.request.orcaPerQueryReport);
    done(error, {payload: payload(call.request.responseSize)}, trailing);
  },

  streamingInputCall(call, done) {
    const trailing = echoMetadata(call);
    let size = 0;
    call.on('data', (request) => { size += request.payload.body.length; });
    call.on('end', () => done(null, {aggregatedPayloadSize: size}, trailing));
  },

  async streamingOutputCall(call) {
    const trailing = echoMetadata(call);
    if (!await answer(call, call.request, trailing)) call.end(trailing);
  },

  fullDuplexCall(call) {
    answerAll(call, echoMetadata(call));
  },

  halfDuplexCall(call) {
    answerLate(call, echoMetadata(call));
  },
};

const server = new grpc.Server({'grpc.server_call_metric_recording': 1});
server.addService(TestService.service, handlers);
reported.addToServer(server);
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on('SIGTERM', () => {
  server.forceShutdown();
  process.exit(0);
});
