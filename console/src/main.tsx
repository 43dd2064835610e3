import { render } from "preact";
import { counts, picturesAges } from "./frames";
import { connect, onOpened, open } from "./live";
import { CameraPage } from "./pages/camera";
import { FootagePage } from "./pages/footage";
import { HealthPage } from "./pages/health";
import { IncidentPage } from "./pages/incident";
import { IncidentsPage } from "./pages/incidents";
import { LivePage } from "./pages/live";
import { MapPage } from "./pages/map";
import { SetupPage } from "./pages/setup";
import { go, path } from "./router";
import { sounding, startSound } from "./sound";
import { applyTheme, loadApi, Shell } from "./ui/shell";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/pages.css";

function Page() {
  const [, place = "", id = ""] = path.value.split("/").map(decodeURIComponent);
  switch (place) {
    case "camera":
      return <CameraPage camera={id} />;
    case "incidents":
      return <IncidentsPage />;
    case "map":
      return <MapPage />;
    case "footage":
      return <FootagePage />;
    case "setup":
      return <SetupPage />;
    case "health":
      return <HealthPage />;
    default:
      return <LivePage />;
  }
}

function App() {
  const [, place = "", id = ""] = path.value.split("/");
  if (place === "incident") {
    return (
      <Shell full>
        <IncidentPage id={id} key={id} />
      </Shell>
    );
  }
  return (
    <Shell>
      <Page />
    </Shell>
  );
}

onOpened((incident) => {
  const here = open.value.find((i) => path.value === `/incident/${i.id}`);
  // Whoever looks at an alarm that nobody has taken stays there; a drill never covers a real one.
  const busy = here && here.state === "open" && !(here.drill && !incident.drill);
  const covers = open.value.some((i) => !i.drill && i.state === "open");
  if (!busy && !(incident.drill && covers)) go(`/incident/${incident.id}`);
});

// What the tests look at; nothing secret is in it.
Object.assign(window, { paddock: { counts, picturesAges, sounding } });

applyTheme();
startSound();
connect();
void loadApi();
render(<App />, document.getElementById("page")!);
