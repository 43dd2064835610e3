/** Places are paths, so that back, reload and a link in a message do what they should. */
import { signal } from "@preact/signals";

export const path = signal(location.pathname);
export const query = signal(location.search);

function read() {
  path.value = location.pathname;
  query.value = location.search;
}

addEventListener("popstate", read);

export function go(to: string, replace = false) {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  read();
  scrollTo(0, 0);
}

/** For `onClick` of a link: stays in the page unless the person wants a new tab. */
export function follow(event: MouseEvent) {
  const link = (event.currentTarget as HTMLElement).closest("a");
  if (
    !link ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey
  )
    return;
  event.preventDefault();
  go(link.pathname + link.search);
}
