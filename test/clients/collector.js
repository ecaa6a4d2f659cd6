#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A collector of traces, OTLP over gRPC, on @grpc/grpc-js and the generated code that is inside of
// @opentelemetry/otlp-transformer: collector.js ADDRESS prints each span it gets as a line of JSON.
'use strict';

const grpc = require('@grpc/grpc-js');
const root = require('@opentelemetry/otlp-transformer/build/src/generated/root');

const {ExportTraceServiceRequest, ExportTraceServiceResponse} = root.opentelemetry.proto.collector.trace.v1;

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

function hexOf(bytes) {
  return Buffer.from(bytes || []).toString('hex');
}

function valueOf(value) {
  const name = ['stringValue', 'intValue'].find((one) => Object.hasOwn(value, one));
  return name === 'intValue' ? Number(value.intValue) : value[name];
}

function attributesOf(list) {
  return Object.fromEntries(list.map(({key, value}) => [key, valueOf(value)]));
}

function describe(span, resource, scope) {
  const status = span.status || {};
  return {
    trace: hexOf(span.traceId),
    span: hexOf(span.spanId),
    parent: hexOf(span.parentSpanId),
    state: span.traceState,
    name: span.name,
    kind: KINDS[span.kind],
    start: Number(span.startTimeUnixNano),
    end: Number(span.endTimeUnixNano),
    status: STATUSES[status.code || 0],
    message: status.message || '',
    attributes: attributesOf(span.attributes),
    resource: attributesOf(resource.attributes),
    scope: scope.name,
  };
}

function take(call, answer) {
  for (const {resource, scopeSpans} of call.request.resourceSpans) {
    for (const {scope, spans} of scopeSpans) {
      for (const span of spans) console.log(JSON.stringify(describe(span, resource, scope)));
    }
  }
  answer(null, {});
}

const service = {
  export: {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes) => ExportTraceServiceRequest.decode(bytes),
    responseSerialize: (message) => Buffer.from(ExportTraceServiceResponse.encode(message).finish()),
  },
};

const server = new grpc.Server();
server.addService(service, {export: take});
server.bindAsync(process.argv[2], grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
