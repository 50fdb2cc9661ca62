<?php
// SPDX-License-Identifier: MIT
// Run: php client.php
foreach (array_slice($argv, 1) as $url) {
    $content = file_get_contents($url, false, stream_context_create(["http" => ["timeout" => 5]]));
    echo $url, " ", $http_response_header[0] ?? "no status", " ", var_export($content, true), "\n";
}
