import { OWN_VARIABLES } from '../../proto/environment.ts';

export { OWN_VARIABLES };

/** What a variable may be called so that every shell can read it. */
export const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;

/** Variables without which programs do not start as people expect; a param must not replace them by accident. */
export const SHELL_VARIABLES = ['PATH', 'HOME', 'PWD', 'SHELL', 'IFS'];

/** Why a name cannot be a key of `env` or of the context, as the end of a sentence; undefined when it can. */
export function environmentProblem(name: string): string | undefined {
  if (!ENVIRONMENT_NAME.test(name)) {
    return 'must start with a letter or underscore, and hold only letters, digits and underscores (at most 100)';
  }
  if (OWN_VARIABLES.includes(name)) return 'is set by wiz itself';
  return undefined;
}
