import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { checkSha256, type WrittenFile, writeAtomically } from './atomic-file.ts';
import { OUTPUT_LIMIT_BYTES } from './output-limit.ts';
import {
  defineProcessor,
  type JsonObject,
  type JsonValue,
  type ProcessorAttempt,
  ProcessorFailure,
  type Zod,
} from './processor.ts';

const optionsOf = (z: Zod) =>
  z
    .strictObject({
      action: z
        .enum(['read', 'write', 'append', 'copy', 'fetch'])
        .describe(
          'read: its content becomes output; write and append: content; copy: from a file; fetch: from a URL.',
        ),
      path: z.string().min(1).describe("The file, relative to the processor's folder."),
      content: z
        .unknown()
        .optional()
        .describe('What write and append put there; a text unless encoding says otherwise.'),
      from: z.string().min(1).optional().describe('The file that copy takes.'),
      url: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('What fetch takes; redirects are followed.'),
      encoding: z
        .enum(['text', 'json', 'base64'])
        .default('text')
        .describe('What content is, and how read gives it: a text, a JSON value, or bytes as base64.'),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'must have 64 hexadecimal digits')
        .optional()
        .describe('What read, copy and fetch must find; another content fails and changes nothing.'),
      mkdir: z.boolean().default(true).describe('Make the folder of the file when it is missing.'),
    })
    .superRefine((options, context) => {
      const needed = NEEDED[options.action];
      for (const key of ['content', 'from', 'url'] as const) {
        const given = options[key] !== undefined;
        if (given === (key === needed)) continue;
        const message = given
          ? `is not an option of action ${options.action}`
          : `is needed by action ${options.action}`;
        context.addIssue({ code: 'custom', path: [key], message });
      }
    });

const NEEDED: Record<string, string | undefined> = {
  write: 'content',
  append: 'content',
  copy: 'from',
  fetch: 'url',
};

type Options = z.output<ReturnType<typeof optionsOf>>;

export default defineProcessor({
  name: 'file',
  description:
    'Reads, writes, appends to, copies or downloads a file; what it writes is there whole or not at all.',
  options: optionsOf,
  outputSchema: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Absolute path of the file.' },
      size: { type: 'integer', description: 'Its bytes.' },
      sha256: { type: 'string', description: 'SHA-256 of its content, in hexadecimal.' },
      text: { type: 'string', description: 'read with encoding text.' },
      json: { description: 'read with encoding json.' },
      base64: { type: 'string', description: 'read with encoding base64.' },
    },
    required: ['path', 'size', 'sha256'],
  },
  example: `name: file-example
description: Writes a file, copies it, reads the copy, and cleans up.
params:
  folder: { default: /tmp, description: where the files go }
processors:
  write:
    uses: file
    with:
      action: write
      path: "\${FOLDER}/wiz-\${RUN_ID}/greeting.json"
      encoding: json
      content: { hello: world }
  copy:
    needs: [write]
    uses: file
    with:
      action: copy
      from: "\${FOLDER}/wiz-\${RUN_ID}/greeting.json"
      path: "\${FOLDER}/wiz-\${RUN_ID}/copies/greeting.json"
  read:
    needs: [copy]
    uses: file
    with:
      action: read
      path: "\${FOLDER}/wiz-\${RUN_ID}/copies/greeting.json"
      encoding: json
  clean:
    needs: [read]
    run: rm -r "$FOLDER/wiz-$WIZ_RUN_ID"
`,
  async run(options, attempt) {
    const path = resolve(attempt.workdir, options.path);
    try {
      return { output: await ACTIONS[options.action](path, options, attempt) };
    } catch (error) {
      throw explained(error);
    }
  },
});

type Action = (path: string, options: Options, attempt: ProcessorAttempt) => Promise<JsonObject>;

const ACTIONS: Record<Options['action'], Action> = {
  async read(path, { encoding, sha256 }, { signal }) {
    const { size } = await stat(path);
    if (size > OUTPUT_LIMIT_BYTES) {
      throw new ProcessorFailure(
        'output-too-large',
        `${path} has ${size} bytes, and an output may have ${OUTPUT_LIMIT_BYTES}. Hand on its path instead.`,
      );
    }
    const bytes = await readFile(path, { signal });
    const hash = hashOf(bytes);
    checkSha256(path, hash, sha256);
    return { path, size: bytes.length, sha256: hash, [encoding]: decode(path, bytes, encoding) };
  },
  async write(path, options, { signal }) {
    return fields(await writeAtomically(path, [encode(options)], { signal, mkdir: options.mkdir }));
  },
  async append(path, options, { signal }) {
    if (options.mkdir) await mkdir(dirname(path), { recursive: true });
    await appendFile(path, encode(options), { flush: true });
    const hash = createHash('sha256');
    let size = 0;
    for await (const bytes of createReadStream(path, { signal })) {
      hash.update(bytes);
      size += bytes.length;
    }
    return { path, size, sha256: hash.digest('hex') };
  },
  async copy(path, { from, mkdir, sha256 }, { workdir, signal }) {
    return fields(
      await writeAtomically(path, createReadStream(resolve(workdir, from!)), { signal, mkdir, sha256 }),
    );
  },
  async fetch(path, { url, mkdir, sha256 }, { signal }) {
    const { requestOf } = await import('./request.ts');
    const response = await requestOf(url!, { signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new ProcessorFailure('http-status', `${url} answered ${response.status} ${response.statusText}.`);
    }
    return fields(await writeAtomically(path, response.body ?? [], { signal, mkdir, sha256 }));
  },
};

function fields({ path, size, sha256 }: WrittenFile): JsonObject {
  return { path, size, sha256 };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function encode({ content, encoding }: Options): Buffer {
  if (encoding === 'json') return Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
  if (typeof content !== 'string') {
    throw new ProcessorFailure(
      'bad-options',
      `with.content: must be a string with encoding ${encoding}; use encoding json for other values.`,
    );
  }
  return Buffer.from(content, encoding === 'base64' ? 'base64' : 'utf8');
}

function decode(path: string, bytes: Buffer, encoding: Options['encoding']): JsonValue {
  if (encoding === 'base64') return bytes.toString('base64');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return encoding === 'json' ? JSON.parse(text) : text;
  } catch (cause) {
    const message = `${path} is not ${encoding === 'json' ? 'JSON' : 'UTF-8 text'}: ${(cause as Error).message}.`;
    throw new ProcessorFailure('bad-content', message, { cause });
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'not-found',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  ENOSPC: 'disk-full',
};

/** Errors of the system, with a reason of their own. */
function explained(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = REASONS[code ?? ''];
  return reason === undefined ? error : new ProcessorFailure(reason, `${message}.`, { cause: error });
}
