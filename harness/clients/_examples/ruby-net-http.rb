# SPDX-License-Identifier: MIT
# Run: ruby client.rb
require "net/http"

first = URI(ARGV[0])
Net::HTTP.start(first.host, first.port, read_timeout: 5) do |http|
  ARGV.each do |url|
    response = http.get(URI(url).path)
    puts "#{url} #{response.code} #{response.body.inspect}"
  rescue StandardError => error
    puts "#{url} #{error.inspect}"
  end
end
