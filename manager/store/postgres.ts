import * as access from './postgres/access.ts';
import * as audit from './postgres/audit.ts';
import * as cache from './postgres/cache.ts';
import * as centre from './postgres/centre.ts';
import { watchChanges } from './postgres/changes.ts';
import { commit } from './postgres/commit.ts';
import { type Connection, connect } from './postgres/connection.ts';
import { createRunCreator } from './postgres/create-runs.ts';
import { deleteRuns } from './postgres/delete-runs.ts';
import * as deliveries from './postgres/deliveries.ts';
import * as executors from './postgres/executors.ts';
import * as files from './postgres/file-links.ts';
import { readEvents } from './postgres/journal.ts';
import * as leases from './postgres/leases.ts';
import { openPostgresLogs } from './postgres/logs.ts';
import * as pipelines from './postgres/pipelines.ts';
import { queryRecords } from './postgres/query.ts';
import { listRecordTables } from './postgres/records.ts';
import * as runs from './postgres/runs.ts';
import * as schedules from './postgres/schedules.ts';
import type { Store } from './store.ts';

/**
 * Opens the shared store, a PostgreSQL database that managers on any number of machines use at once:
 * postgres://user:password@host:port/database. Makes its tables (in a schema `wiz`) when there are none, and brings
 * older ones up to date. Throws WizError: failed_precondition for the tables of a newer wiz or of another program,
 * unavailable when it cannot be reached, permission_denied when it refuses the user.
 */
export async function openPostgresStore(address: string): Promise<Store> {
  return postgresStore(await connect(address));
}

/** The store over a connection; closing the store closes it. */
function postgresStore(c: Connection): Store {
  return {
    applyPipelines: (wanted, nowMs, dryRun) => pipelines.applyPipelines(c, wanted, nowMs, dryRun),
    getPipeline: (name, version) => pipelines.getPipeline(c, name, version),
    listPipelines: () => pipelines.listPipelines(c),
    listPipelineVersions: (name) => pipelines.listPipelineVersions(c, name),
    deletePipeline: (name, nowMs) => pipelines.deletePipeline(c, name, nowMs),

    createRun: createRunCreator(c),
    commit: (changes, limits) => commit(c, changes, limits),
    getRun: (runId) => runs.getRun(c, runId),
    findRuns: (prefix, limit) => runs.findRuns(c, prefix, limit),
    listRuns: (filter) => runs.listRuns(c, filter),
    readEvents: (runId, afterSeq, limit) => readEvents(c, runId, afterSeq, limit),

    heartbeat: (manager) => leases.heartbeat(c, manager),
    listManagers: () => leases.listManagers(c),
    removeManager: (managerId, heartbeatMs) => leases.removeManager(c, managerId, heartbeatMs),
    claimRuns: (managerId, living, limit, shards) => leases.claimRuns(c, managerId, living, limit, shards),
    countOrphans: (living) => leases.countOrphans(c, living),
    claimRun: (runId, managerId, living) => leases.claimRun(c, runId, managerId, living),
    releaseRuns: (managerId, runIds) => leases.releaseRuns(c, managerId, runIds),
    ownedRuns: (managerId) => leases.ownedRuns(c, managerId),
    claimCentre: (managerId, living, nowMs) => centre.claimCentre(c, managerId, living, nowMs),
    releaseCentre: (managerId) => centre.releaseCentre(c, managerId),
    getCentre: () => centre.getCentre(c),

    acquireLease: (kind, key, holder, nowMs, expiresMs) =>
      leases.acquireLease(c, kind, key, holder, nowMs, expiresMs),
    releaseLease: (kind, key, holder) => leases.releaseLease(c, kind, key, holder),
    listLeases: (kind) => leases.listLeases(c, kind),

    sendCommand: ({ runId, kind, message }) => runs.sendCommand(c, runId, kind, message),
    readCommands: (managerId) => leases.readCommands(c, managerId),
    removeCommands: (ids) => leases.removeCommands(c, ids),

    findCacheEntries: (keys) => cache.findCacheEntries(c, keys),
    latestCacheEntries: (pipeline, processors) => cache.latestCacheEntries(c, pipeline, processors),
    findCacheEntriesNaming: (hash, limit) => cache.findCacheEntriesNaming(c, hash, limit),
    getFileStamps: (paths) => cache.getFileStamps(c, paths),
    putFileStamps: (stamps) => cache.putFileStamps(c, stamps),

    findFileLinks: (hash, limit) => files.findFileLinks(c, hash, limit),
    listFileLinks: (runId, processor) => files.listFileLinks(c, runId, processor),
    listKeptFiles: (filter) => files.listKeptFiles(c, filter),
    findRunThatMade: (pipeline, processor, name) => files.findRunThatMade(c, pipeline, processor, name),
    referredHashes: (without) => files.referredHashes(c, without),
    listRecordTables: () => listRecordTables(c),
    queryRecords: (sql, signal) => queryRecords(c, sql, signal),
    deleteRuns: (runIds, centreEpoch) => deleteRuns(c, runIds, centreEpoch),

    claimDeliveries: (holder, nowMs, limit) => deliveries.claimDeliveries(c, holder, nowMs, limit),
    endTry: (end) => deliveries.endTry(c, end),
    getDelivery: (deliveryId) => deliveries.getDelivery(c, deliveryId),
    listDeliveries: (filter) => deliveries.listDeliveries(c, filter),
    nextDeliveryMs: (nowMs) => deliveries.nextDeliveryMs(c, nowMs),
    redeliver: (deliveryId, nowMs) => deliveries.redeliver(c, deliveryId, nowMs),

    listSchedules: (pipeline) => schedules.listSchedules(c, pipeline),
    dueSchedules: (nowMs) => schedules.dueSchedules(c, nowMs),
    nextScheduleMs: () => schedules.nextScheduleMs(c),
    advanceSchedule: (change) => schedules.advanceSchedule(c, change),

    putExecutor: (executor) => executors.putExecutor(c, executor),
    removeExecutor: (executorId) => executors.removeExecutor(c, executorId),
    listExecutors: () => executors.listExecutors(c),
    registerExecutor: (executor) => executors.registerExecutor(c, executor),
    drainExecutor: (executorId, drainingMs) => executors.drainExecutor(c, executorId, drainingMs),
    replaceExecutor: (executorId, process) => executors.replaceExecutor(c, executorId, process),
    getCatalogue: (build) => executors.getCatalogue(c, build),
    putCatalogue: (build, json) => executors.putCatalogue(c, build, json),

    createToken: (token) => access.createToken(c, token),
    getToken: (tokenId) => access.getToken(c, tokenId),
    listTokens: () => access.listTokens(c),
    revokeToken: (tokenId, nowMs) => access.revokeToken(c, tokenId, nowMs),
    touchTokens: (uses) => access.touchTokens(c, uses),
    createUser: (user) => access.createUser(c, user),
    getUser: (name) => access.getUser(c, name),
    listUsers: () => access.listUsers(c),
    setPassword: (name, passwordHash, nowMs) => access.setPassword(c, name, passwordHash, nowMs),
    deleteUser: (name) => access.deleteUser(c, name),
    hasCredentials: (nowMs) => access.hasCredentials(c, nowMs),

    writeAudit: (added, ended) => audit.writeAudit(c, added, ended),
    listAudit: (filter) => audit.listAudit(c, filter),
    pruneAudit: (beforeMs, limit) => audit.pruneAudit(c, beforeMs, limit),

    openLogs: () => openPostgresLogs(c),
    watchChanges: (listener) => watchChanges(c, listener),
    close: () => c.close(),
  };
}
