import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

const KEY_NAME = "easel.apiKey";

/** The API key of this tab; it is forgotten when the tab closes. */
export function storedKey(): string {
  return sessionStorage.getItem(KEY_NAME) ?? "";
}

export function storeKey(key: string): void {
  sessionStorage.setItem(KEY_NAME, key);
}

const streams = createClient({
  url: new URL("/v1/streams", location.href.replace(/^http/, "ws")).href,
  // Asked at each connection, so a new key counts from the next subscription on.
  connectionParams: () => credentials("apiKey", storedKey()),
  connectionAckWaitTimeout: 10_000, // milliseconds
  retryAttempts: 0, // whoever explores wants to see a refusal, not wait through retries
});

/** Sends operations with `key`, and tells after each answer whether the server took it. */
export function createFetcher(key: string, onAnswer: (accepted: boolean) => void): Fetcher {
  return createGraphiQLFetcher({
    url: "/graphql",
    headers: credentials("X-API-Key", key),
    wsClient: streams,
    enableIncrementalDelivery: false,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      onAnswer(response.status !== 401);
      return response;
    },
  });
}

function credentials(name: string, key: string): Record<string, string> {
  return key ? { [name]: key } : {};
}
