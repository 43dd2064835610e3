import { useEffect } from "preact/hooks";
import { cameras, open, site } from "../live";
import { follow, go } from "../router";
import { Icon } from "../ui/icons";
import { Picture } from "../ui/picture";
import { human, words } from "../words";
import { cameraIds, Toggle, wall } from "./live";

/** One camera, large. */
export function CameraPage({ camera }: { camera: string }) {
  const ids = cameraIds();
  const at = ids.indexOf(camera);
  const beside = (step: number) => ids[(at + step + ids.length) % ids.length] ?? camera;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key === "Escape") go("/");
      if (event.key === "ArrowLeft") go(`/camera/${beside(-1)}`, true);
      if (event.key === "ArrowRight") go(`/camera/${beside(1)}`, true);
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });
  const row = cameras.value.get(camera);
  const incident = open.value.find((i) => i.camera === camera) ?? null;
  const zones = site.value?.camera?.find((c) => c.id === camera)?.zone ?? [];
  return (
    <>
      <header class="head">
        <a class="button" href="/" onClick={follow}>
          <Icon name="live" /> {words.live.back}
        </a>
        <h1>{human(camera)}</h1>
        <div class="tools">
          <Toggle on={wall.zones} name={words.live.zones} />
          <Toggle on={wall.boxes} name={words.live.boxes} />
          <a class="button" href={`/camera/${beside(-1)}`} onClick={follow} aria-label={words.live.previous}>
            <Icon name="left" />
          </a>
          <a class="button" href={`/camera/${beside(1)}`} onClick={follow} aria-label={words.live.next}>
            <Icon name="right" />
          </a>
        </div>
      </header>
      <div class="large">
        <Picture
          key={camera}
          camera={camera}
          fps={15}
          incident={incident}
          zones={wall.zones.value}
          names={wall.boxes.value}
        />
      </div>
      <section class="facts" aria-label={words.live.zonesOf}>
        {row?.status?.source && (
          <p>
            {row.status.source.split("/").at(-1)} · {row.status.codec} {row.status.width}×{row.status.height}{" "}
            · {row.status.fps.toFixed(0)} fps
          </p>
        )}
        {zones.length === 0 && <p>{words.live.noZones}</p>}
        <ul class="chips">
          {zones.map((zone) => (
            <li key={zone.id} class={`chip zone-${zone.kind}`}>
              {human(zone.id)} <small>{words.setup.kindShort[zone.kind]}</small>
            </li>
          ))}
        </ul>
        <a class="button" href={`/setup?camera=${camera}`} onClick={follow}>
          <Icon name="setup" /> {words.live.edit}
        </a>
      </section>
    </>
  );
}
