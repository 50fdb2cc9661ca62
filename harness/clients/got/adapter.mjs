// SPDX-License-Identifier: MIT
// got with its promise API and all its defaults, retries among them.

import { Readable } from 'node:stream';

import got, { HTTPError, MaxRedirectsError, TimeoutError } from 'got';

import { as, httpRuntime, main, packageVersion, pairs } from './_node/adapterkit.mjs';
import { freshAgents } from './_node/agents.mjs';

const version = packageVersion('got');

async function send(request, report, agents) {
    const { connect_ms: connectMs, read_ms: readMs, total_ms: totalMs } = request.timers;
    try {
        const response = await got(request.url, {
            agent: { http: agents.http, https: agents.https },
            method: request.method,
            headers: request.headerObject(),
            responseType: 'buffer',
            ...(agents.https.options.ca && {
                https: { certificateAuthority: agents.https.options.ca },
            }),
            ...(request.body && {
                body: request.pauses.length > 0
                    ? Readable.from(request.bodyPieces()) : request.body,
            }),
            timeout: {
                ...(connectMs && { connect: connectMs }),
                ...(readMs && { socket: readMs }),
                ...(totalMs && { request: totalMs }),
            },
        });
        report.response(response.statusCode, response.statusMessage, pairs(response.rawHeaders));
        report.body(response.body);
    } catch (error) {
        if (error instanceof HTTPError) {
            report.body(error.response.rawBody ?? error.response.body);
            throw as('status', error, error.response.statusCode);
        }
        if (error instanceof TimeoutError) {
            throw as('timeout', error);
        }
        throw error instanceof MaxRedirectsError ? as('limit', error) : error;
    }
}

main({
    client: 'got',
    version,
    stack: httpRuntime(),
    can: {
        tls: true,
        timers: ['connect_ms', 'read_ms', 'total_ms'],
        body_stream: true,
    },
    open(plan) {
        const agents = freshAgents(plan);
        return {
            send: (request, report) => send(request, report, agents),
            close: () => agents.destroy(),
        };
    },
});
