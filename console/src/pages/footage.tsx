export function FootagePage() {
  return <p />;
}
