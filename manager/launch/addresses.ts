import { WizError } from '../../proto/error.ts';

/** Throws WizError invalid_argument for what is no address of an executor. */
export function checkedAddress(address: string): string {
  const port = /^(?:\[[\da-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(address)?.[1];
  if (/^unix:\/./.test(address) || (port !== undefined && Number(port) > 0 && Number(port) < 65536))
    return address;
  throw new WizError(
    'invalid_argument',
    `"${address}" is no address of an executor. Write host:port, or unix: and the absolute path of its socket.`,
  );
}
