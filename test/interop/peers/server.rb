#!/usr/bin/env ruby
# SPDX-License-Identifier: Apache-2.0
# grpc.testing.TestService on Ruby's grpc: server.rb STUBS ADDRESS. STUBS is the folder that protoc wrote to.
require 'grpc'

stubs, address = ARGV
$LOAD_PATH.unshift(stubs)
require 'grpc/testing/test_services_pb'

include Grpc::Testing # rubocop:disable Style/MixinUsage

INITIAL = 'x-grpc-test-echo-initial'.freeze
TRAILING = 'x-grpc-test-echo-trailing-bin'.freeze

# The public test service.
class Tests < TestService::Service
  def empty_call(_request, call)
    echo_metadata(call)
    Empty.new
  end

  def unary_call(request, call)
    echo_metadata(call)
    echo_status(request.response_status)
    SimpleResponse.new(payload: payload(request.response_size))
  end

  def streaming_output_call(request, call)
    echo_metadata(call)
    answers([request])
  end

  def streaming_input_call(call)
    echo_metadata(call)
    size = call.each_remote_read.sum { |request| request.payload.body.bytesize }
    StreamingInputCallResponse.new(aggregated_payload_size: size)
  end

  def full_duplex_call(requests, call)
    echo_metadata(call)
    answers(requests)
  end

  def half_duplex_call(requests, call)
    echo_metadata(call)
    answers(requests.to_a)
  end

  private

  # Initial metadata goes out with the first response.
  def echo_metadata(call)
    metadata = call.metadata
    call.output_metadata[TRAILING] = metadata[TRAILING] if metadata.key?(TRAILING)
    call.merge_metadata_to_send(INITIAL => metadata[INITIAL]) if metadata.key?(INITIAL)
  end

  def echo_status(status)
    raise GRPC::BadStatus.new(status.code, status.message) if status && status.code != 0
  end

  def payload(size)
    Payload.new(body: "\0".b * size)
  end

  def answers(requests)
    Enumerator.new do |out|
      requests.each do |request|
        echo_status(request.response_status)
        request.response_parameters.each do |wish|
          sleep(wish.interval_us / 1e6)
          out << StreamingOutputCallResponse.new(payload: payload(wish.size))
        end
      end
    end
  end
end

server = GRPC::RpcServer.new(pool_size: 16)
raise "cannot listen on #{address}" if server.add_http2_port(address, :this_port_is_insecure).zero?

server.handle(Tests)
server.run_till_terminated_or_interrupted(['TERM'])
