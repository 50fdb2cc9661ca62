// SPDX-License-Identifier: MIT
package interimspec;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What one fresh client object is asked to do. */
public final class Plan {
    public final String id;
    public final String http;
    public final String caFile; // or null
    public final String proxy; // or null
    public final int bodyLimit;
    public final List<Request> requests = new ArrayList<>();
    final Map<String, Object> values;

    Plan(Map<String, Object> values) {
        this.values = values;
        id = (String) values.get("plan");
        http = (String) values.get("http");
        caFile = (String) values.get("ca_file");
        proxy = (String) values.get("proxy");
        bodyLimit = ((Long) values.getOrDefault("body_limit", 65536L)).intValue();
        for (Object request : (List<?>) values.get("requests")) {
            requests.add(new Request(this, Adapter.cast(request)));
        }
    }
}
