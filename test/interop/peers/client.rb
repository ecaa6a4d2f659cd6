#!/usr/bin/env ruby
# SPDX-License-Identifier: Apache-2.0
# The interoperability cases on Ruby's grpc: client.rb STUBS ADDRESS reads a case's name a line, and answers
# "ok" or what went wrong. STUBS is the folder that protoc wrote to. Each case has a connection of its own, as
# if it were a program of its own.
require 'grpc'

stubs, ADDRESS = ARGV
$LOAD_PATH.unshift(stubs)
require 'grpc/testing/test_services_pb'

include Grpc::Testing # rubocop:disable Style/MixinUsage

REQUEST_SIZES = [27_182, 8, 1828, 45_904].freeze
RESPONSE_SIZES = [31_415, 9, 2653, 58_979].freeze
ECHOED = {
  'x-grpc-test-echo-initial' => 'test_initial_metadata_value',
  'x-grpc-test-echo-trailing-bin' => "\xab\xab\xab".b
}.freeze
PLAIN = 'test status message'.freeze
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n".freeze

# Channels with the same arguments would share a connection.
def connect(service = TestService)
  service::Stub.new(ADDRESS, :this_channel_is_insecure,
                    channel_args: { 'grpc.use_local_subchannel_pool' => 1 })
end

# So that nothing hangs for ever.
def limit
  Time.now + 60
end

def check(condition, what)
  raise what unless condition
end

def payload(size)
  Payload.new(body: "\0".b * size)
end

def expect_zeros(response, size)
  check(response.payload.body == "\0".b * size, "the response is not #{size} zeros")
end

def large_request
  SimpleRequest.new(response_size: 314_159, payload: payload(271_828))
end

def stream_request(request_size, response_size)
  StreamingOutputCallRequest.new(response_parameters: [ResponseParameters.new(size: response_size)],
                                 payload: payload(request_size))
end

def expect_status(code, text = nil)
  yield
rescue GRPC::BadStatus => e
  check(e.code == code, "status #{e.code}, not #{code}: #{e.details}")
  check(text.nil? || e.details.dup.force_encoding('UTF-8') == text, "the message came as #{e.details.inspect}")
else
  raise "OK, not #{code}"
end

def expect_echoed(operation)
  name, value = ECHOED.first
  check(operation.metadata[name] == value, "initial metadata #{operation.metadata}")
  name, value = ECHOED.to_a.last
  check(operation.trailing_metadata[name] == value, "trailing metadata #{operation.trailing_metadata}")
end

# The requests of a stream, given one by one.
class Requests
  def initialize
    @queue = Queue.new
  end

  def send(request)
    @queue << request
  end

  def half_close
    @queue << nil
  end

  def each
    return enum_for(:each) unless block_given?

    while (request = @queue.pop)
      yield request
    end
  end
end

# What each case does.
module Cases
  module_function

  def empty_unary(stub)
    check(stub.empty_call(Empty.new, deadline: limit) == Empty.new, 'the response is not empty')
  end

  def large_unary(stub)
    expect_zeros(stub.unary_call(large_request, deadline: limit), 314_159)
  end

  def client_streaming(stub)
    requests = REQUEST_SIZES.map { |size| StreamingInputCallRequest.new(payload: payload(size)) }
    response = stub.streaming_input_call(requests, deadline: limit)
    check(response.aggregated_payload_size == 74_922, 'a wrong sum')
  end

  def server_streaming(stub)
    wishes = RESPONSE_SIZES.map { |size| ResponseParameters.new(size: size) }
    request = StreamingOutputCallRequest.new(response_parameters: wishes)
    responses = stub.streaming_output_call(request, deadline: limit).to_a
    check(responses.size == RESPONSE_SIZES.size, "#{responses.size} responses")
    responses.zip(RESPONSE_SIZES) { |response, size| expect_zeros(response, size) }
  end

  def ping_pong(stub)
    requests = Requests.new
    responses = stub.full_duplex_call(requests.each, deadline: limit)
    REQUEST_SIZES.zip(RESPONSE_SIZES) do |request_size, response_size|
      requests.send(stream_request(request_size, response_size))
      expect_zeros(responses.next, response_size)
    end
    requests.half_close
    begin
      responses.next
    rescue StopIteration
      return
    end
    raise 'a response too many'
  end

  def empty_stream(stub)
    check(stub.full_duplex_call([], deadline: limit).to_a.empty?, 'a response too many')
  end

  def custom_metadata(stub)
    operation = stub.unary_call(large_request, deadline: limit, metadata: ECHOED, return_op: true)
    expect_zeros(operation.execute, 314_159)
    expect_echoed(operation)
    requests = [stream_request(271_828, 314_159)]
    operation = stub.full_duplex_call(requests, deadline: limit, metadata: ECHOED, return_op: true)
    responses = operation.execute.to_a
    check(responses.size == 1, "#{responses.size} responses")
    expect_zeros(responses.first, 314_159)
    expect_echoed(operation)
  end

  def status_code_and_message(stub)
    status = EchoStatus.new(code: 2, message: PLAIN)
    expect_status(2, PLAIN) { stub.unary_call(SimpleRequest.new(response_status: status), deadline: limit) }
    requests = [StreamingOutputCallRequest.new(response_status: status)]
    expect_status(2, PLAIN) { stub.full_duplex_call(requests, deadline: limit).to_a }
  end

  def special_status_message(stub)
    status = EchoStatus.new(code: 2, message: SPECIAL)
    expect_status(2, SPECIAL) { stub.unary_call(SimpleRequest.new(response_status: status), deadline: limit) }
  end

  def unimplemented_method(stub)
    expect_status(12) { stub.unimplemented_call(Empty.new, deadline: limit) }
  end

  def unimplemented_service(_stub)
    stub = connect(UnimplementedService)
    expect_status(12) { stub.unimplemented_call(Empty.new, deadline: limit) }
  end

  def cancel_after_begin(stub)
    requests = Requests.new
    operation = stub.streaming_input_call(requests.each, deadline: limit, return_op: true)
    operation.cancel
    expect_cancelled { operation.execute }
    requests.half_close
  end

  def cancel_after_first_response(stub)
    requests = Requests.new
    operation = stub.full_duplex_call(requests.each, deadline: limit, return_op: true)
    responses = operation.execute
    requests.send(stream_request(27_182, 31_415))
    expect_zeros(responses.next, 31_415)
    operation.cancel
    expect_cancelled { responses.next }
    requests.half_close
  end

  # Ruby's grpc says so in one of two ways, depending on how far the call is.
  def expect_cancelled(&block)
    expect_status(1, &block)
  rescue GRPC::Core::CallError => e
    raise unless e.message.include?('ancel')
  end

  def timeout_on_sleeping_server(stub)
    requests = Requests.new
    requests.send(StreamingOutputCallRequest.new(payload: payload(27_182)))
    expect_status(4) { stub.full_duplex_call(requests.each, deadline: Time.now + 0.001).to_a }
    requests.half_close
  end

  def rpc_soak(stub)
    10.times { large_unary(stub) }
  end

  def channel_soak(_stub)
    10.times { large_unary(connect) }
  end
end

$stdout.sync = true
$stdin.each_line(chomp: true) do |name|
  Cases.public_send(name, connect)
  puts 'ok'
rescue StandardError => e
  puts e.full_message(highlight: false).inspect
end
