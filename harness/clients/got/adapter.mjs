// SPDX-License-Identifier: MIT
// got with its promise API and all its defaults, retries among them. Its errors are told apart by
// their names, which all versions document; their classes are exported in other ways by each.

import { Readable } from 'node:stream';

import got from 'got';

import {
    as, httpRuntime, main, packageVersion, pairs, refuseH2c,
} from './_node/adapterkit.mjs';
import { freshAgents } from './_node/agents.mjs';

const version = packageVersion('got');
const major = Number.parseInt(version, 10);

/** Content as octets: `responseType` since version 10, `encoding` before. */
const octets = major < 10 ? { encoding: null } : { responseType: 'buffer' };

/** What is trusted besides: an option of `https` since version 11, of the request before. */
function trust(ca) {
    if (!ca) {
        return {};
    }
    return major < 11 ? { ca } : { https: { certificateAuthority: ca } };
}

async function send(request, report, plan, agents) {
    const { connect_ms: connectMs, read_ms: readMs, total_ms: totalMs } = request.timers;
    try {
        const response = await got(request.url, {
            // HTTP/2 is the business of another agent, which got brings along.
            ...(plan.http === '2'
                ? { http2: true } : { agent: { http: agents.http, https: agents.https } }),
            method: request.method,
            headers: request.headerObject(),
            ...octets,
            ...trust(agents.https.options.ca),
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
        if (error.name === 'HTTPError') {
            report.body(error.response.rawBody ?? error.response.body);
            throw as('status', error, error.response.statusCode);
        }
        if (error.name === 'TimeoutError') {
            throw as('timeout', error);
        }
        throw error.name === 'MaxRedirectsError' ? as('limit', error) : error;
    }
}

main({
    client: 'got',
    version,
    stack: httpRuntime(),
    can: {
        http: major < 11 ? ['1.1'] : ['1.1', '2'],
        tls: true,
        concurrent: true,
        timers: ['connect_ms', 'read_ms', 'total_ms'],
        body_stream: true,
    },
    open(plan) {
        refuseH2c(plan);
        const agents = freshAgents(plan);
        return {
            send: (request, report) => send(request, report, plan, agents),
            close: () => agents.destroy(),
        };
    },
});
