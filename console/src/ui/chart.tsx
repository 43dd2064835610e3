import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { theme } from "./shell";

export interface Series {
  label: string;
  colour: string;
}

/** Lines over time; `data` is seconds since the epoch, then one list for each series. */
export function Chart({
  title,
  series,
  data,
}: {
  title: string;
  series: Series[];
  data: (number | null)[][];
}) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const look = theme.value;
  useEffect(() => {
    const box = holder.current;
    if (!box) return;
    const ink = getComputedStyle(box).color;
    const axis = {
      stroke: ink,
      grid: { stroke: "rgba(128,128,128,.25)" },
      ticks: { stroke: "rgba(128,128,128,.25)" },
    };
    const options: uPlot.Options = {
      width: box.clientWidth,
      height: 190,
      legend: { show: false },
      scales: { y: { range: (_, __, max) => [0, Math.max(100, max * 1.1)] } },
      axes: [axis, { ...axis, size: 56 }],
      series: [{}, ...series.map((s) => ({ label: s.label, stroke: s.colour, width: 2 }))],
    };
    plot.current = new uPlot(options, data as uPlot.AlignedData, box);
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: 190 }));
    sized.observe(box);
    return () => {
      sized.disconnect();
      plot.current?.destroy();
    };
  }, [look]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);
  return <div ref={holder} class="chart" role="img" aria-label={title} />;
}
