import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./graphiql.css";

import { GraphiQL } from "graphiql";
import { useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { createFetcher, storedKey, storeKey } from "./api";
import { DEFAULT_QUERY } from "./default-query";
import { KeyBar } from "./key-bar";

function Page() {
  const [apiKey, setApiKey] = useState(storedKey);
  const [refusedKey, setRefusedKey] = useState<string>();
  // GraphiQL reads the schema again whenever its fetcher is another one.
  const fetcher = useMemo(
    () => createFetcher(apiKey, (accepted) => setRefusedKey(accepted ? undefined : apiKey)),
    [apiKey],
  );
  const changeKey = (key: string) => {
    storeKey(key);
    setApiKey(key);
  };

  return (
    <>
      <KeyBar apiKey={apiKey} refused={apiKey === refusedKey} onChange={changeKey} />
      <main>
        <GraphiQL
          fetcher={fetcher}
          defaultQuery={DEFAULT_QUERY}
          inputValueDeprecation
          schemaDescription
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}

createRoot(document.getElementById("root")!).render(<Page />);
