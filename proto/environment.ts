/** Variables that wiz sets for attempts; neither a pipeline nor a program's context can set them. */
export const OWN_VARIABLES: readonly string[] = [
  'WIZ_EXECUTOR_ID',
  'WIZ_RUN_ID',
  'WIZ_PIPELINE',
  'WIZ_PROCESSOR',
  'WIZ_INDEX',
  'WIZ_ATTEMPT',
  'WIZ_INPUT',
  'WIZ_OUTPUT',
  'WIZ_CONTEXT',
  'WIZ_PARENT_CONTEXT',
  'WIZ_PROGRESS',
  'WIZ_FILES',
  'WIZ_STAGING',
];
