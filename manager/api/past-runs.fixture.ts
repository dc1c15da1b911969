import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import type { FileStore } from '../../files/file-store.ts';
import { openFileStore } from '../../files/open-file-store.ts';
import {
  CacheDecisionSchema,
  DataForm,
  DataSchema,
  type File,
  FileSchema,
} from '../../proto/gen/wiz/v1/data_pb.js';
import { type Event, OutputFileSchema, ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FileService } from '../../proto/gen/wiz/v1/files_pb.js';
import { RecordService } from '../../proto/gen/wiz/v1/records_pb.js';
import { newId } from '../../proto/ids.ts';
import {
  attemptEnded,
  attemptStarted,
  emit,
  outputsKept,
  processorEnded,
  processorExpanded,
  processorReused,
  runEnded,
} from '../engine/events.ts';
import { createdEvent, type ProcessorSketch, pipeline, report } from '../engine/run.fixture.ts';
import { findTask, newRunMachine, type RunMachine } from '../engine/run.ts';
import { cacheEntriesOf, fileLinksOf, reusedKeysOf } from '../file-links.ts';
import { rowOf } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { NewRecords, Store } from '../store/store.ts';
import { fileService } from './file-service.ts';
import { recordService } from './record-service.ts';

/**
 * Runs that have been: told attempt by attempt, journaled in a real store with the files in a real file store, and asked
 * about through the API as clients ask.
 */
export async function openPast() {
  const home = mkdtempSync(join(tmpdir(), 'wiz-past-'));
  const store = await openSqliteStore(join(home, 'wiz.db'));
  const files = await openFileStore(`folder:${join(home, 'files')}`, { environment: {} });
  const manager = { store, files, home } as unknown as Manager;
  const transport = createRouterTransport((router) => {
    router.service(FileService, fileService(manager));
    router.service(RecordService, recordService(manager));
  });
  return {
    home,
    store,
    files,
    manager,
    fileApi: createClient(FileService, transport),
    recordApi: createClient(RecordService, transport),
    begin: (name: string, sketches: ProcessorSketch[]) => begin(store, files, name, sketches),
    async close() {
      await files.close();
      await store.close();
      rmSync(home, { recursive: true });
    },
  };
}

export type Past = Awaited<ReturnType<typeof openPast>>;

export interface Attempted {
  /** Left in WIZ_FILES, content by name. */
  files?: Record<string, string>;
  /** Files and folders that are in the store already. */
  made?: File[];
  inputs?: File[];
  /** An output that is a file for its size. */
  value?: string;
  /** Of the cache. */
  key?: string;
  parts?: Record<string, string>;
}

/** Unix ms of the first event; one second passes with each. */
export const BEGIN_MS = 1_700_000_000_000;
let clockMs = BEGIN_MS;

function nextMs(): number {
  clockMs += 1_000;
  return clockMs;
}

export type PastRun = Awaited<ReturnType<typeof begin>>;

async function begin(store: Store, files: FileStore, name: string, sketches: ProcessorSketch[]) {
  const created: Event = { ...createdEvent(pipeline(sketches, { name }), newId()), unixMs: nextMs() };
  const run = newRunMachine(created, 'm1', 1);
  await store.createRun(rowOf(run), [created], 'm1');
  const { runId } = run;

  async function put(filename: string, content: string): Promise<File> {
    const { hash, size } = await files.putBytes(Buffer.from(content));
    return create(FileSchema, { name: filename, hash, size, mediaType: 'text/plain' });
  }

  async function attempt(processor: string, done: Attempted, state: ProcessorState): Promise<File[]> {
    const number = (findTask(run, processor)?.attempt ?? 0) + 1;
    const { key = '', parts = {}, inputs = [], value } = done;
    const cache = key === '' ? undefined : create(CacheDecisionSchema, { key, parts, verdict: 'missed' });
    const made = await Promise.all(Object.entries(done.files ?? {}).map((file) => put(...file)));
    made.push(...(done.made ?? []));
    emit(run, nextMs(), attemptStarted(processor, number, 'e1', 1, cache, inputs));
    const output =
      value === undefined
        ? undefined
        : create(DataSchema, { value: { case: 'file', value: await put('', value) }, form: DataForm.TEXT });
    emit(run, nextMs(), attemptEnded(report(processor, number, { files: made, output }), state, ''));
    return made;
  }

  return {
    run,
    runId,
    expanded: (processor: string, count: number) => emit(run, nextMs(), processorExpanded(processor, count)),
    instancesEnded: (processor: string) =>
      emit(run, nextMs(), processorEnded(processor, ProcessorState.SUCCEEDED, '', '')),
    /** Returns the files it left. */
    succeeded: (processor: string, done: Attempted = {}) =>
      attempt(processor, done, ProcessorState.SUCCEEDED),
    failed: (processor: string, done: Attempted = {}) => attempt(processor, done, ProcessorState.FAILED),
    /** Takes the result of the same processor of an earlier run. */
    reused(processor: string, from: RunMachine, inputs: File[] = []): File[] {
      const task = findTask(from, processor)!;
      const { key, parts } = task.cache!;
      const origin = { runId: from.runId, attempt: task.attempt };
      const cache = create(CacheDecisionSchema, { key, parts, verdict: 'reused', ...origin });
      const result = { cache, output: task.output, context: {}, files: task.files ?? [], inputs };
      emit(run, nextMs(), processorReused(processor, result));
      return result.files;
    },
    kept(outputs: { path: string; file: File; processor: string }[]): void {
      const told = outputs.map((output) => create(OutputFileSchema, output));
      emit(run, nextMs(), outputsKept(told, []));
    },
    /** Journals what has happened; the run ends when no processor is open. */
    async commit(records?: NewRecords[]): Promise<void> {
      if (run.open === 0) {
        const state = run.failed > 0 ? RunState.FAILED : RunState.SUCCEEDED;
        emit(run, nextMs(), runEnded(state, 'succeeded', '', []));
      }
      const events = run.uncommitted.splice(0);
      const data = {
        fileLinks: fileLinksOf(run, events),
        cacheEntries: cacheEntriesOf(run, events),
        reusedKeys: reusedKeysOf(events),
        records,
      };
      const change = { row: { ...rowOf(run), managerId: 'm1' }, events, ...data };
      await store.commit([change], { acquire: [], release: [], max: {} });
    },
  };
}
