#!/usr/bin/env ruby
# SPDX-License-Identifier: Apache-2.0
# Ruby's grpc as a pipe: call.rb STUBS SERVICE ADDRESS reads one call a line and answers one line, both
# JSON; see test/support/clients.py for their fields. STUBS is the file that protoc --ruby_out wrote.
require 'base64'
require 'grpc'
require 'json'

stubs, service, address = ARGV
require stubs

POOL = Google::Protobuf::DescriptorPool.generated_pool
STUB = GRPC::ClientStub.new(address, :this_channel_is_insecure)
PACKAGE = service.split('.').first

def message_class(name)
  POOL.lookup("#{PACKAGE}.#{name}").msgclass
end

def metadata_of(pairs)
  pairs.each_with_object({}) do |(key, value), all|
    value = Base64.decode64(value) if key.end_with?('-bin')
    all[key] = all.key?(key) ? Array(all[key]) + [value] : value
  end
end

def streamed(order, requests, marshal, unmarshal, options)
  case order['kind']
  when 'client_stream' then [STUB.client_streamer(order['path'], requests, marshal, unmarshal, **options)]
  when 'server_stream' then STUB.server_streamer(order['path'], requests[0], marshal, unmarshal, **options)
  else STUB.bidi_streamer(order['path'], requests, marshal, unmarshal, **options)
  end
end

# One stream from its beginning to its end.
def stream(order)
  request_class, response_class = order['types'].map { |name| message_class(name) }
  requests = order['requests'].map { |request| request_class.decode_json(JSON.generate(request)) }
  options = { deadline: order['timeout'] && Time.now + order['timeout'], metadata: metadata_of(order['metadata']) }
  responses = []
  answer = ->(code, message) { { code: code, message: message, responses: responses } }
  streamed(order, requests, ->(message) { message.class.encode(message) },
           ->(bytes) { response_class.decode(bytes) }, options).each do |response|
    responses << JSON.parse(response_class.encode_json(response))
  end
  answer.call(0, '')
rescue GRPC::BadStatus => e
  answer.call(e.code, e.details)
end

def call(order)
  request = message_class("#{order['like']}Request").decode_json(JSON.generate(order['request']))
  response_class = message_class("#{order['like']}Response")
  deadline = order['timeout'] && Time.now + order['timeout']
  response = STUB.request_response(order['path'], request, ->(message) { message.class.encode(message) },
                                   ->(bytes) { response_class.decode(bytes) },
                                   deadline: deadline, metadata: metadata_of(order['metadata']))
  { code: 0, message: '', response: JSON.parse(response_class.encode_json(response)) }
rescue GRPC::BadStatus => e
  { code: e.code, message: e.details }
end

$stdout.sync = true
$stdin.each_line do |line|
  order = JSON.parse(line)
  puts JSON.generate(order['kind'] ? stream(order) : call(order))
end
