// SPDX-License-Identifier: Apache-2.0
// The echo service on @grpc/grpc-js: node grpc_js.js --listen HOST:PORT. Bytes go back as they came: generated
// code would only make it slower.
"use strict";
const grpc = require("@grpc/grpc-js");

const same = (bytes) => bytes;
const methods = {
  Unary: {
    path: "/echo.Echo/Unary",
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

const [flag, address] = process.argv.slice(2);
if (flag !== "--listen" || !address) {
  console.error("usage: grpc_js.js --listen HOST:PORT");
  process.exit(2);
}
const server = new grpc.Server();
server.addService(methods, { Unary: (call, callback) => callback(null, call.request) });
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) {
    console.error(`grpc_js.js: ${error.message}`);
    process.exit(1);
  }
});
