import { useEffect } from "preact/hooks";
import { get, type Incident } from "../api";
import { incidents, takeIncident } from "../live";
import { follow } from "../router";
import { dateAndTime, span } from "../time";
import { dangerClass, nameOf } from "../ui/shell";
import { human, words } from "../words";

/** All that there were, newest first. */
export function IncidentsPage() {
  useEffect(() => {
    void get<Incident[]>("/api/incidents?limit=200")
      .then((list) => list.forEach(takeIncident))
      .catch(() => undefined);
  }, []);
  const list = [...incidents.value.values()]
    .filter((i) => i.tier === "escape")
    .sort((a, b) => b.opened_at - a.opened_at);
  return (
    <>
      <header class="head">
        <h1>{words.incident.past}</h1>
      </header>
      {list.length === 0 && <p class="empty">{words.incident.none}</p>}
      <ul class="rows">
        {list.map((incident) => (
          <li key={incident.id}>
            <a href={`/incident/${incident.id}`} onClick={follow}>
              <img src={`/api/incidents/${incident.id}/still`} alt="" loading="lazy" width={96} height={72} />
              <span class={`code ${dangerClass(incident)}`}>
                {incident.drill ? words.incident.drill : (incident.danger ?? "?")}
              </span>
              <span class="grow">
                <strong>{nameOf(incident)}</strong>
                <span>
                  {human(incident.camera)} · {dateAndTime(incident.opened_at)}
                </span>
              </span>
              <span class={`state ${incident.state}`}>
                {words.incident.states[incident.state]}
                {incident.resolved && <small>{span(incident.resolved.at - incident.opened_at)}</small>}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
