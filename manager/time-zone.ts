let zone: string | undefined;

/** IANA name of the zone of this process: that of runs whose pipeline names none. Asked for once: it takes 0.4 ms. */
export function ownTimeZone(): string {
  zone ??= Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone;
}
