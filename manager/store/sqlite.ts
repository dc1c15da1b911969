import { openFileLogs } from './file-logs.ts';
import * as access from './sqlite/access.ts';
import * as audit from './sqlite/audit.ts';
import * as cache from './sqlite/cache.ts';
import * as centre from './sqlite/centre.ts';
import { watchChanges } from './sqlite/changes.ts';
import { commit } from './sqlite/commit.ts';
import { type Connection, connect } from './sqlite/connection.ts';
import { deleteRuns } from './sqlite/delete-runs.ts';
import * as deliveries from './sqlite/deliveries.ts';
import * as executors from './sqlite/executors.ts';
import * as files from './sqlite/file-links.ts';
import { readEvents } from './sqlite/journal.ts';
import * as leases from './sqlite/leases.ts';
import * as pipelines from './sqlite/pipelines.ts';
import { queryRecords } from './sqlite/query.ts';
import { listRecordTables } from './sqlite/records.ts';
import * as runs from './sqlite/runs.ts';
import * as schedules from './sqlite/schedules.ts';
import type { Store } from './store.ts';

/**
 * Opens the embedded store, a SQLite file that any number of processes on this machine use at once. Makes the
 * file (mode 0600) and its folder (0700) when there are none, and brings an older one up to date. Throws
 * WizError: failed_precondition for the file of a newer wiz or of another program, unavailable for one that
 * is damaged or locked, resource_exhausted when the disk is full.
 */
export async function openSqliteStore(path: string): Promise<Store> {
  return sqliteStore(await connect(path));
}

/** The store over a connection; closing the store closes it. */
export function sqliteStore(c: Connection): Store {
  return {
    applyPipelines: (wanted, nowMs, dryRun) => pipelines.applyPipelines(c, wanted, nowMs, dryRun),
    getPipeline: async (name, version) => pipelines.getPipeline(c, name, version),
    listPipelines: async () => pipelines.listPipelines(c),
    listPipelineVersions: async (name) => pipelines.listPipelineVersions(c, name),
    deletePipeline: (name, nowMs) => pipelines.deletePipeline(c, name, nowMs),

    createRun: (run, events, managerId, told = []) => runs.createRun(c, run, events, managerId, told),
    commit: (changes, limits) => commit(c, changes, limits),
    getRun: async (runId) => runs.getRun(c, runId),
    findRuns: async (prefix, limit) => runs.findRuns(c, prefix, limit),
    listRuns: async (filter) => runs.listRuns(c, filter),
    readEvents: async (runId, afterSeq, limit) => c.read(() => readEvents(c, runId, afterSeq, limit)),

    heartbeat: (manager) => leases.heartbeat(c, manager),
    listManagers: async () => leases.listManagers(c),
    removeManager: (managerId, heartbeatMs) => leases.removeManager(c, managerId, heartbeatMs),
    claimRuns: (managerId, living, limit, shards) => leases.claimRuns(c, managerId, living, limit, shards),
    countOrphans: async (living) => leases.countOrphans(c, living),
    claimRun: (runId, managerId, living) => leases.claimRun(c, runId, managerId, living),
    releaseRuns: (managerId, runIds) => leases.releaseRuns(c, managerId, runIds),
    ownedRuns: async (managerId) => leases.ownedRuns(c, managerId),
    claimCentre: (managerId, living, nowMs) => centre.claimCentre(c, managerId, living, nowMs),
    releaseCentre: (managerId) => centre.releaseCentre(c, managerId),
    getCentre: async () => centre.getCentre(c),

    acquireLease: (kind, key, holder, nowMs, expiresMs) =>
      leases.acquireLease(c, kind, key, holder, nowMs, expiresMs),
    releaseLease: (kind, key, holder) => leases.releaseLease(c, kind, key, holder),
    listLeases: async (kind) => leases.listLeases(c, kind),

    sendCommand: ({ runId, kind, message }) => runs.sendCommand(c, runId, kind, message),
    readCommands: async (managerId) => leases.readCommands(c, managerId),
    removeCommands: (ids) => leases.removeCommands(c, ids),

    findCacheEntries: async (keys) => cache.findCacheEntries(c, keys),
    latestCacheEntries: async (pipeline, processors) => cache.latestCacheEntries(c, pipeline, processors),
    findCacheEntriesNaming: async (hash, limit) => cache.findCacheEntriesNaming(c, hash, limit),
    getFileStamps: async (paths) => cache.getFileStamps(c, paths),
    putFileStamps: (stamps) => cache.putFileStamps(c, stamps),

    findFileLinks: async (hash, limit) => files.findFileLinks(c, hash, limit),
    listFileLinks: async (runId, processor) => files.listFileLinks(c, runId, processor),
    listKeptFiles: async (filter) => files.listKeptFiles(c, filter),
    findRunThatMade: async (pipeline, processor, name) => files.findRunThatMade(c, pipeline, processor, name),
    referredHashes: async (without) => files.referredHashes(c, without),
    listRecordTables: async () => listRecordTables(c),
    queryRecords: (sql, signal) => queryRecords(c, sql, signal),
    deleteRuns: (runIds, centreEpoch) => deleteRuns(c, runIds, centreEpoch),

    claimDeliveries: (holder, nowMs, limit) => deliveries.claimDeliveries(c, holder, nowMs, limit),
    endTry: (end) => deliveries.endTry(c, end),
    getDelivery: async (deliveryId) => deliveries.getDelivery(c, deliveryId),
    listDeliveries: async (filter) => deliveries.listDeliveries(c, filter),
    nextDeliveryMs: async (nowMs) => deliveries.nextDeliveryMs(c, nowMs),
    redeliver: (deliveryId, nowMs) => deliveries.redeliver(c, deliveryId, nowMs),

    listSchedules: async (pipeline) => schedules.listSchedules(c, pipeline),
    dueSchedules: async (nowMs) => schedules.dueSchedules(c, nowMs),
    nextScheduleMs: async () => schedules.nextScheduleMs(c),
    advanceSchedule: (change) => schedules.advanceSchedule(c, change),

    putExecutor: (executor) => executors.putExecutor(c, executor),
    removeExecutor: (executorId) => executors.removeExecutor(c, executorId),
    listExecutors: async () => executors.listExecutors(c),
    registerExecutor: (executor) => executors.registerExecutor(c, executor),
    drainExecutor: (executorId, drainingMs) => executors.drainExecutor(c, executorId, drainingMs),
    replaceExecutor: (executorId, process) => executors.replaceExecutor(c, executorId, process),
    getCatalogue: async (build) => executors.getCatalogue(c, build),
    putCatalogue: (build, json) => executors.putCatalogue(c, build, json),

    createToken: (token) => access.createToken(c, token),
    getToken: async (tokenId) => access.getToken(c, tokenId),
    listTokens: async () => access.listTokens(c),
    revokeToken: (tokenId, nowMs) => access.revokeToken(c, tokenId, nowMs),
    touchTokens: (uses) => access.touchTokens(c, uses),
    createUser: (user) => access.createUser(c, user),
    getUser: async (name) => access.getUser(c, name),
    listUsers: async () => access.listUsers(c),
    setPassword: (name, passwordHash, nowMs) => access.setPassword(c, name, passwordHash, nowMs),
    deleteUser: (name) => access.deleteUser(c, name),
    hasCredentials: async (nowMs) => access.hasCredentials(c, nowMs),

    writeAudit: (added, ended) => audit.writeAudit(c, added, ended),
    listAudit: async (filter) => audit.listAudit(c, filter),
    pruneAudit: (beforeMs, limit) => audit.pruneAudit(c, beforeMs, limit),

    openLogs: openFileLogs,
    watchChanges: (listener) => watchChanges(c, listener),
    close: async () => c.close(),
  };
}
