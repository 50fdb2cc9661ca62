<?php

// SPDX-License-Identifier: MIT

declare(strict_types=1);

namespace Interimspec;

/** What clients on libcurl share: its result codes as kinds, and its own list of layers. */
final class CurlCodes
{
    private const KINDS = [
        CURLE_UNSUPPORTED_PROTOCOL => 'protocol',
        CURLE_COULDNT_CONNECT => 'refused',
        CURLE_FTP_WEIRD_SERVER_REPLY => 'protocol', // 8: in HTTP a reply that is none
        16 => 'protocol', // CURLE_HTTP2, which PHP does not name
        CURLE_PARTIAL_FILE => 'closed',
        CURLE_OPERATION_TIMEOUTED => 'timeout',
        CURLE_SSL_CONNECT_ERROR => 'tls',
        CURLE_TOO_MANY_REDIRECTS => 'limit',
        CURLE_GOT_NOTHING => 'closed',
        CURLE_SEND_ERROR => 'closed',
        CURLE_RECV_ERROR => 'closed',
        CURLE_SSL_PEER_CERTIFICATE => 'tls',
        CURLE_BAD_CONTENT_ENCODING => 'protocol',
        CURLE_FILESIZE_EXCEEDED => 'limit',
        92 => 'protocol', // CURLE_HTTP2_STREAM
        100 => 'limit', // CURLE_TOO_LARGE
    ];

    public static function kind(int $code): string
    {
        return self::KINDS[$code] ?? 'other';
    }

    /** For clients that pass on libcurl's words without its code. */
    public static function kindOfWords(string $message): string
    {
        foreach (self::KINDS as $code => $kind) {
            if (str_contains($message, curl_strerror($code))) {
                return $kind;
            }
        }
        return 'other';
    }

    /**
     * Whether HTTP/2 with prior knowledge can be had. libcurl 7.88.0 and 7.88.1 fail every request but
     * the first on such a connection, whatever the answers are (github.com/curl/curl/issues/10634).
     */
    public static function hasPriorKnowledge(): bool
    {
        return !in_array(curl_version()['version'], ['7.88.0', '7.88.1'], true);
    }

    /** @return list<array{name: string, version: string}> */
    public static function layers(): array
    {
        $version = curl_version();
        [$tls, $tlsVersion] = explode('/', $version['ssl_version']) + [1 => ''];
        return [
            ['name' => 'libcurl', 'version' => $version['version']],
            ['name' => strtolower($tls), 'version' => $tlsVersion],
            AdapterKit::runtime(),
        ];
    }
}
