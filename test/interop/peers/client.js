#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The interoperability cases on @grpc/grpc-js: client.js PROTO_FOLDER ADDRESS reads a case's name a line, and
// answers "ok" or what went wrong. Each case has a connection of its own, as if it were a program of its own.
// TEST_CA in the environment: over TLS.
'use strict';

const assert = require('assert');
const fs = require('fs');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protoFolder, address] = process.argv.slice(2);
const definition = loader.loadSync('grpc/testing/test.proto', {includeDirs: [protoFolder]});
const {TestService, UnimplementedService} = grpc.loadPackageDefinition(definition).grpc.testing;

const reports = loader.loadSync('xds/service/orca/v3/orca.proto', {includeDirs: [protoFolder]});
const {OpenRcaService} = grpc.loadPackageDefinition(reports).xds.service.orca.v3;

const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];
const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
const PLAIN = 'test status message';
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';

const LOADS = [
  {cpuUtilization: 0.8210, memoryUtilization: 0.5847, utilization: {util: 0.30499}},
  {cpuUtilization: 0.29309, memoryUtilization: 0.2, utilization: {util: 0.2039}},
];

const {TEST_CA} = process.env;
const credentials = TEST_CA
  ? grpc.credentials.createSsl(fs.readFileSync(TEST_CA))
  : grpc.credentials.createInsecure();

// Channels with the same arguments would share a connection.
function connect(Service) {
  return new Service(address, credentials, {'grpc.use_local_subchannel_pool': 1});
}

// So that nothing hangs for ever.
function limit() {
  return {deadline: Date.now() + 60000};
}

function zeros(size) {
  return {body: Buffer.alloc(size)};
}

function expectZeros(response, size) {
  assert(response.payload.body.equals(Buffer.alloc(size)), `the response is not ${size} zeros`);
}

function expectLoad(report, load) {
  assert.strictEqual(report.cpuUtilization, load.cpuUtilization);
  assert.strictEqual(report.memUtilization, load.memoryUtilization);
  assert.deepStrictEqual(report.utilization, load.utilization);
}

function largeRequest() {
  return {responseSize: 314159, payload: zeros(271828)};
}

function streamRequest(requestSize, responseSize) {
  return {responseParameters: [{size: responseSize}], payload: zeros(requestSize)};
}

// A call with one response: {response, error, initial, status}, when all of it is there.
function single(start) {
  return new Promise((resolve) => {
    const result = {};
    const call = start((error, response) => Object.assign(result, {error, response}));
    call.on('metadata', (initial) => { result.initial = initial; });
    call.on('status', (status) => setImmediate(() => resolve({...result, status})));
  });
}

function unary(service, method, request, metadata = new grpc.Metadata()) {
  return single((done) => service[method](request, metadata, limit(), done));
}

// A stream of responses, to be awaited one by one.
class Stream {
  constructor(call) {
    this.call = call;
    this.responses = call[Symbol.asyncIterator]();
    this.status = new Promise((resolve) => call.on('status', resolve));
    call.on('metadata', (initial) => { this.initial = initial; });
    call.on('error', () => {});
  }

  async expect(size) {
    const {done, value} = await this.responses.next();
    assert(!done, 'a response did not come');
    expectZeros(value, size);
  }

  async expectEnd() {
    const {done} = await this.responses.next();
    assert(done, 'a response too many');
    expectStatus(await this.status, grpc.status.OK);
  }
}

function expectStatus(status, code, text) {
  assert.strictEqual(status.code, code, `${status.code} ${status.details}`);
  if (text !== undefined) assert.strictEqual(status.details, text);
}

function echoed() {
  const metadata = new grpc.Metadata();
  metadata.set(INITIAL, 'test_initial_metadata_value');
  metadata.set(TRAILING, Buffer.from([0xab, 0xab, 0xab]));
  return metadata;
}

function expectEchoed(initial, status) {
  assert.deepStrictEqual(initial.get(INITIAL), ['test_initial_metadata_value']);
  assert.deepStrictEqual(status.metadata.get(TRAILING), [Buffer.from([0xab, 0xab, 0xab])]);
}

async function largeUnary(on) {
  const {response, status} = await unary(on, 'unaryCall', largeRequest());
  expectStatus(status, grpc.status.OK);
  expectZeros(response, 314159);
}

async function expectEchoedStatus(client, message) {
  const request = {responseStatus: {code: grpc.status.UNKNOWN, message}};
  const {status} = await unary(client, 'unaryCall', request);
  expectStatus(status, grpc.status.UNKNOWN, message);
}

async function expectUnimplemented(service) {
  const {status} = await unary(service, 'unimplementedCall', {});
  expectStatus(status, grpc.status.UNIMPLEMENTED);
}

const cases = {
  async empty_unary(client) {
    const {response, status} = await unary(client, 'emptyCall', {});
    expectStatus(status, grpc.status.OK);
    assert.deepEqual(response, {});
  },

  async large_unary(client) {
    await largeUnary(client);
  },

  async client_streaming(client) {
    const {response, status} = await single((done) => {
      const call = client.streamingInputCall(limit(), done);
      for (const size of REQUEST_SIZES) call.write({payload: zeros(size)});
      call.end();
      return call;
    });
    expectStatus(status, grpc.status.OK);
    assert.strictEqual(response.aggregatedPayloadSize, 74922);
  },

  async server_streaming(client) {
    const request = {responseParameters: RESPONSE_SIZES.map((size) => ({size}))};
    const stream = new Stream(client.streamingOutputCall(request, limit()));
    for (const size of RESPONSE_SIZES) await stream.expect(size);
    await stream.expectEnd();
  },

  async ping_pong(client) {
    const stream = new Stream(client.fullDuplexCall(limit()));
    for (const [i, size] of REQUEST_SIZES.entries()) {
      stream.call.write(streamRequest(size, RESPONSE_SIZES[i]));
      await stream.expect(RESPONSE_SIZES[i]);
    }
    stream.call.end();
    await stream.expectEnd();
  },

  async empty_stream(client) {
    const stream = new Stream(client.fullDuplexCall(limit()));
    stream.call.end();
    await stream.expectEnd();
  },

  async custom_metadata(client) {
    const {initial, response, status} = await unary(client, 'unaryCall', largeRequest(), echoed());
    expectZeros(response, 314159);
    expectEchoed(initial, status);
    const stream = new Stream(client.fullDuplexCall(echoed(), limit()));
    stream.call.write(streamRequest(271828, 314159));
    stream.call.end();
    await stream.expect(314159);
    await stream.expectEnd();
    expectEchoed(stream.initial, await stream.status);
  },

  async status_code_and_message(client) {
    await expectEchoedStatus(client, PLAIN);
    const stream = new Stream(client.fullDuplexCall(limit()));
    stream.call.write({responseStatus: {code: grpc.status.UNKNOWN, message: PLAIN}});
    stream.call.end();
    expectStatus(await stream.status, grpc.status.UNKNOWN, PLAIN);
  },

  async special_status_message(client) {
    await expectEchoedStatus(client, SPECIAL);
  },

  async unimplemented_method(client) {
    await expectUnimplemented(client);
  },

  async unimplemented_service() {
    const other = connect(UnimplementedService);
    await expectUnimplemented(other);
    other.close();
  },

  async cancel_after_begin(client) {
    const {status} = await single((done) => {
      const call = client.streamingInputCall(limit(), done);
      setImmediate(() => call.cancel());
      return call;
    });
    expectStatus(status, grpc.status.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const stream = new Stream(client.fullDuplexCall(limit()));
    stream.call.write(streamRequest(27182, 31415));
    await stream.expect(31415);
    stream.call.cancel();
    expectStatus(await stream.status, grpc.status.CANCELLED);
  },

  async timeout_on_sleeping_server(client) {
    const stream = new Stream(client.fullDuplexCall({deadline: Date.now() + 1}));
    stream.call.write({payload: zeros(27182)});
    expectStatus(await stream.status, grpc.status.DEADLINE_EXCEEDED);
  },

  async orca_per_rpc(client) {
    const {status} = await unary(client, 'unaryCall', {orcaPerQueryReport: {...LOADS[0], requestCost: {cost: 3456.32}}});
    const [bytes] = status.metadata.get('endpoint-load-metrics-bin');
    const report = OpenRcaService.service.StreamCoreMetrics.responseDeserialize(bytes);
    assert.deepStrictEqual(report.requestCost, {cost: 3456.32});
    expectLoad(report, LOADS[0]);
  },

  async orca_oob(client) {
    const service = connect(OpenRcaService);
    const stream = new Stream(client.fullDuplexCall(limit()));
    const reports = new Stream(service.streamCoreMetrics({reportInterval: {nanos: 50000000}}, limit()));
    for (const load of LOADS) {
      stream.call.write({orcaOobReport: load, responseParameters: [{size: 1}]});
      await stream.expect(1);
      let report;
      do {
        ({value: report} = await reports.responses.next());
      } while (report.cpuUtilization !== load.cpuUtilization);
      expectLoad(report, load);
    }
    stream.call.end();
    await stream.expectEnd();
    reports.call.cancel();
    service.close();
  },

  async rpc_soak(client) {
    for (let i = 0; i < 10; i++) await largeUnary(client);
  },

  async channel_soak() {
    for (let i = 0; i < 10; i++) {
      const fresh = connect(TestService);
      await largeUnary(fresh);
      fresh.close();
    }
  },
};

async function run(name) {
  const client = connect(TestService);
  try {
    await cases[name](client);
    return 'ok';
  } catch (error) {
    return JSON.stringify(error.stack);
  } finally {
    client.close();
  }
}

async function main() {
  for await (const name of readline.createInterface({input: process.stdin})) {
    console.log(await run(name));
  }
}

main();
