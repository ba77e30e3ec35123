// Follows a project many times over one socket; after each cut each goes on from its own cursor, kept in its payload.
import { connect } from "./connecting.mjs";
import { config, tell } from "./telling.mjs";

const client = connect({ lazy: true });
for (let place = 0; place < config.streams; place += 1) {
  const payload = { query: config.query, variables: { after: config.after } };
  client.subscribe(payload, {
    next: ({ data, errors }) => {
      if (errors) return tell({ failed: errors });
      payload.variables.after = data.stream.cursor;
      tell({ place, heard: data.stream });
    },
    error: (failed) => tell({ failed }),
    complete: () => tell({ completed: place }),
  });
}
