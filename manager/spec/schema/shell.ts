import { z } from 'zod';

export const shell = z
  .enum(['bash', 'sh', 'python', 'node'], { error: 'must be bash, sh, python or node' })
  .meta({
    description: 'What reads the script of `run`.',
    default: 'bash',
  });
