# SPDX-License-Identifier: MIT
# Run: ruby client.rb
require "net/http"

first = URI(ARGV[0])
Net::HTTP.start(first.host, first.port, read_timeout: 5, continue_timeout: 1) do |http|
  ARGV.each_with_index do |url, number|
    request = number.zero? ? Net::HTTP::Post.new(URI(url)) : Net::HTTP::Get.new(URI(url))
    if number.zero?
      request["Expect"] = "100-continue"
      request.content_type = "text/plain"
      request.body = "twelve bytes"
    end
    response = http.request(request)
    puts "#{url} #{response.code} #{response.body.inspect}"
  rescue StandardError => error
    puts "#{url} #{error.inspect}"
  end
end
