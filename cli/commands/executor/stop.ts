/** `wiz executor stop` is `wiz executors stop`. */
export { default } from '../executors/stop.ts';
