/** Whether an executor's address is one of this machine. */
export function isLocalAddress(address: string): boolean {
  return address.startsWith('unix:') || /^(localhost|127\.[\d.]+|\[::1\]):/.test(address);
}
