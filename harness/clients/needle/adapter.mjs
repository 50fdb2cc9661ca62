// SPDX-License-Identifier: MIT
// needle with its callback, and its 'timeout' event, which alone tells a timeout apart.

import { Readable } from 'node:stream';

import needle from 'needle';

import { as, httpRuntime, main, packageVersion, pairs } from './_node/adapterkit.mjs';
import { freshAgents } from './_node/agents.mjs';

const version = packageVersion('needle');

function send(request, report, agents) {
    const { connect_ms: connectMs, read_ms: readMs } = request.timers;
    const data = request.pauses.length > 0 ? Readable.from(request.bodyPieces()) : request.body;
    return new Promise((resolve, reject) => {
        let timedOut = false;
        const out = needle.request(request.method, request.url, data, {
            agent: agents.of(request.url),
            headers: request.headerObject(),
            parse_response: false,
            ...(connectMs && { open_timeout: connectMs }),
            ...(readMs && { response_timeout: readMs, read_timeout: readMs }),
        }, (error, response) => {
            if (error) {
                reject(timedOut ? as('timeout', error) : error);
                return;
            }
            report.response(response.statusCode, response.statusMessage,
                pairs(response.rawHeaders));
            report.body(response.raw);
            resolve();
        });
        out.on('timeout', () => {
            timedOut = true;
        });
    });
}

main({
    client: 'needle',
    version,
    stack: httpRuntime(),
    can: {
        tls: true,
        timers: ['connect_ms', 'read_ms'],
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
