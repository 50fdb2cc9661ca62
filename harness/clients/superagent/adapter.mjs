// SPDX-License-Identifier: MIT
// superagent on Node.

import superagent from 'superagent';

import { as, httpRuntime, main, packageVersion, pairs } from './_node/adapterkit.mjs';
import { freshAgents } from './_node/agents.mjs';

const version = packageVersion('superagent');

function start(request, agents) {
    const call = superagent(request.method, request.url).agent(agents.of(request.url));
    for (const [name, value] of Object.entries(request.headerObject())) {
        call.set(name, value);
    }
    const { read_ms: readMs, total_ms: totalMs } = request.timers;
    if (readMs || totalMs) {
        call.timeout({ ...(readMs && { response: readMs }), ...(totalMs && { deadline: totalMs }) });
    }
    // Content as octets, whatever its type.
    call.responseType('blob');
    if (!request.body) return call;
    // Text of a type that it serializes is sent as it is; of a Buffer it would make an object's JSON.
    const isJson = /[/+]json/i.test(request.headerObject()['Content-Type'] ?? '');
    return call.send(isJson ? request.body.toString() : request.body);
}

async function send(request, report, agents) {
    try {
        const response = await start(request, agents);
        report.response(response.status, response.res.statusMessage,
            pairs(response.res.rawHeaders));
        report.body(Buffer.isBuffer(response.body) ? response.body : '');
    } catch (error) {
        if (error.timeout) {
            throw as('timeout', error);
        }
        if (error.response && error.status) {
            report.body(Buffer.isBuffer(error.response.body) ? error.response.body : '');
            throw as('status', error, error.status);
        }
        throw error;
    }
}

main({
    client: 'superagent',
    version,
    stack: httpRuntime(),
    can: {
        tls: true,
        timers: ['read_ms', 'total_ms'],
    },
    open(plan) {
        const agents = freshAgents(plan);
        return {
            send: (request, report) => send(request, report, agents),
            close: () => agents.destroy(),
        };
    },
});
