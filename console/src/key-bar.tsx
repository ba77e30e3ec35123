import { useState } from "react";

interface KeyBarProps {
  apiKey: string;
  refused: boolean;
  onChange: (key: string) => void;
}

/** The bar above the editor: whose page this is, and as whom it speaks. */
export function KeyBar({ apiKey, refused, onChange }: KeyBarProps) {
  const [draft, setDraft] = useState(apiKey);
  const apply = () => onChange(draft.trim());

  return (
    <header className="key-bar">
      <h1>Easel</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          apply();
        }}
      >
        <label htmlFor="api-key">API key</label>
        <input
          id="api-key"
          type="password"
          autoComplete="off"
          spellCheck={false}
          aria-describedby="api-key-state"
          aria-invalid={refused && apiKey !== ""}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={apply}
        />
      </form>
      <output id="api-key-state">
        <KeyState apiKey={apiKey} refused={refused} />
      </output>
    </header>
  );
}

function KeyState({ apiKey, refused }: Omit<KeyBarProps, "onChange">) {
  if (apiKey && !refused) return "Kept until this tab closes";
  return (
    <>
      {apiKey ? "This key was refused. " : ""}Get a key: <code>./easel key</code>
    </>
  );
}
