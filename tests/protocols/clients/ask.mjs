// Queries, mutations, subscriptions that end, and what is refused, as programs ask for them.
import { connect } from "./connecting.mjs";
import { config, pause, tell } from "./telling.mjs";

const client = connect({ lazy: config.lazy, keepAlive: config.keepAlive, onNonLazyError: (failed) => tell({ failed }) });
await pause(config.pause ?? 0);
for (const payload of config.asked) {
  const answers = [];
  try {
    for await (const answer of client.iterate(payload)) answers.push(answer);
    tell({ answers });
  } catch (refused) {
    tell({ refused });
  }
}
await pause(config.pause ?? 0);
await client.dispose();
