// The reference client of GraphQL over SSE: each operation is a request, asked again from its cursor after each cut.
import { createClient } from "graphql-sse";
import { config, pause, tell } from "./telling.mjs";

const client = createClient({
  url: config.url,
  headers: { "X-API-Key": config.apiKey },
  retryAttempts: Infinity,
  retry: () => pause(20),
  on: { connected: (retried) => tell({ connected: true, retried }) },
});

const taken = async (payload) => {
  const answers = [];
  for await (const answer of client.iterate(payload)) {
    answers.push(answer);
    if (answers.length === config.enough) break;
  }
  return answers;
};

const follow = (place) => {
  const payload = { query: config.query, variables: { after: config.after } };
  client.subscribe(payload, {
    next: ({ data, errors }) => {
      if (errors) return tell({ failed: errors });
      payload.variables.after = data.stream.cursor;
      tell({ place, heard: data.stream });
    },
    error: (failed) => tell({ failed: String(failed) }),
    complete: () => tell({ completed: place }),
  });
};

for (const payload of config.asked ?? []) {
  tell(await taken(payload).then((answers) => ({ answers }), (error) => ({ refused: String(error) })));
}
for (let place = 0; place < (config.streams ?? 0); place += 1) follow(place);
