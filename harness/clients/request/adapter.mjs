// SPDX-License-Identifier: MIT
// request with its callback, its defaults, and content as octets.

import request from 'request';

import { as, httpRuntime, main, packageVersion, pairs } from './_node/adapterkit.mjs';
import { freshAgents } from './_node/agents.mjs';

const version = packageVersion('request');

function options(asked, agents) {
    return {
        uri: asked.url,
        method: asked.method,
        headers: asked.headerObject(),
        agent: agents.of(asked.url),
        encoding: null,
        ...(asked.body && { body: asked.body }),
        ...(asked.timers.read_ms && { timeout: asked.timers.read_ms }),
        ...(agents.https.options.ca && { ca: agents.https.options.ca }),
    };
}

function send(asked, report, agents) {
    return new Promise((resolve, reject) => {
        request(options(asked, agents), (error, response, body) => {
            if (error) {
                reject(/^Exceeded maxRedirects/.test(error.message) ? as('limit', error) : error);
                return;
            }
            report.response(response.statusCode, response.statusMessage,
                pairs(response.rawHeaders));
            report.body(body ?? '');
            resolve();
        });
    });
}

main({
    client: 'request',
    version,
    stack: httpRuntime(),
    can: {
        tls: true,
        timers: ['read_ms'],
    },
    open(plan) {
        const agents = freshAgents(plan);
        return {
            send: (asked, report) => send(asked, report, agents),
            close: () => agents.destroy(),
        };
    },
});
