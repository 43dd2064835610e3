export function HealthPage() {
  return <p />;
}
