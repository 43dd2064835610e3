/** Who sits here: asked once, remembered on this machine, written beside all that is done. */
import { signal } from "@preact/signals";
import { words } from "../words";

const KEY = "paddock-name";

function remembered(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export const myName = signal(remembered());

export function setName(name: string) {
  myName.value = name;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // A browser without storage asks again.
  }
}

export function NameField({ autofocus = false }: { autofocus?: boolean }) {
  return (
    <label class="field">
      <span>{words.incident.yourName}</span>
      <input
        name="by"
        required
        maxLength={60}
        autocomplete="name"
        // biome-ignore lint/a11y/noAutofocus: the dialog was opened to fill this in
        autoFocus={autofocus}
        value={myName.value}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <small>{words.incident.nameNote}</small>
    </label>
  );
}
