/** Roles as flags and tables have them. */
import * as Flags from '@oclif/core/flags';
import { Role } from '../proto/gen/wiz/v1/options_pb.js';

const ROLES = { viewer: Role.VIEWER, operator: Role.OPERATOR, admin: Role.ADMIN };

export const roleFlag = Flags.option({ options: ['viewer', 'operator', 'admin'] as const, required: true })({
  description: 'What may be done: a viewer reads, an operator starts runs too, an admin does everything.',
});

export function roleOf(name: keyof typeof ROLES): Role {
  return ROLES[name];
}

export function roleWord(role: Role): string {
  return Object.entries(ROLES).find(([, value]) => value === role)?.[0] ?? '';
}
