# SPDX-License-Identifier: MIT
# Run: ruby client.rb
require "http"

ARGV.each do |url|
  response = HTTP.timeout(5).get(url)
  puts "#{url} #{response.code} #{response.to_s.inspect}"
rescue StandardError => error
  puts "#{url} #{error.inspect}"
end
