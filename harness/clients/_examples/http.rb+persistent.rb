# SPDX-License-Identifier: MIT
# Run: ruby client.rb
require "http"

client = HTTP.persistent("http://127.0.0.1:8102").timeout(5)
ARGV.each do |url|
  response = client.get(url)
  puts "#{url} #{response.code} #{response.to_s.inspect}"
rescue StandardError => error
  puts "#{url} #{error.inspect}"
end
