// The reference client of graphql-transport-ws, set to try again for as long as it takes.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { config, pause, tell } from "./telling.mjs";

export const connect = (options) =>
  createClient({
    url: config.url,
    webSocketImpl: WebSocket,
    connectionParams: { apiKey: config.apiKey },
    connectionAckWaitTimeout: 10_000,
    retryAttempts: Infinity,
    retryWait: () => pause(20),
    shouldRetry: () => true,
    ...options,
    on: {
      connected: (_socket, _payload, retried) => tell({ connected: true, retried }),
      closed: ({ code, reason }) => tell({ closed: code, reason }),
      pong: (received) => received && tell({ pong: true }),
    },
  });
