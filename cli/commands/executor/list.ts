/** `wiz executor list` is `wiz executors list`. */
export { default } from '../executors/list.ts';
