/**
 * What a manager keeps of access: API tokens, users, and the audit. Secrets are never in it, only what they can be checked
 * against.
 */
export interface AccessStore {
  // -- tokens ------------------------------------------------------------------------------------------
  /** Throws WizError already_exists when a token of that name is valid. One that has expired by `createdMs` gives its name
   *  up: it is revoked. */
  createToken(token: TokenRow): Promise<void>;
  getToken(tokenId: string): Promise<TokenRow | undefined>;
  /** Newest first. */
  listTokens(): Promise<TokenRow[]>;
  /** False when there is no such token, or it was revoked before. */
  revokeToken(tokenId: string, nowMs: number): Promise<boolean>;
  /** Never takes back a later time. */
  touchTokens(uses: { tokenId: string; usedMs: number }[]): Promise<void>;

  // -- users -------------------------------------------------------------------------------------------
  /** Throws WizError already_exists. */
  createUser(user: UserRow): Promise<void>;
  getUser(name: string): Promise<UserRow | undefined>;
  /** By name. */
  listUsers(): Promise<UserRow[]>;
  /** False when there is no such user. */
  setPassword(name: string, passwordHash: string, nowMs: number): Promise<boolean>;
  deleteUser(name: string): Promise<boolean>;
  /** Whether anybody could show a credential that this store knows. */
  hasCredentials(nowMs: number): Promise<boolean>;

  // -- audit -------------------------------------------------------------------------------------------
  /**
   * Adds entries and ends others, in one transaction. It survives the end of this process, and the end of the machine once
   * any later commit of this store does: nothing waits for the disk here, and what a call commits after its entry carries
   * the entry with it.
   */
  writeAudit(added: AuditRow[], ended: AuditEnd[]): Promise<void>;
  /** Newest first. */
  listAudit(filter: AuditFilter): Promise<AuditRow[]>;
  /** Deletes at most about `limit` entries older than that; returns how many. */
  pruneAudit(beforeMs: number, limit: number): Promise<number>;
}

export interface TokenRow {
  tokenId: string;
  name: string;
  /** wiz.v1.Role */
  role: number;
  /** Service/Method or Service/*; empty is all. */
  scopes: string[];
  /** SHA-256 of the secret, hexadecimal. */
  hash: string;
  createdBy: string;
  createdMs: number;
  /** 0: never. */
  expiresMs: number;
  /** 0: it is not. */
  revokedMs: number;
  /** 0: never. */
  lastUsedMs: number;
}

export interface UserRow {
  name: string;
  /** wiz.v1.Role */
  role: number;
  /** scrypt with its parameters; manager/access/password.ts */
  passwordHash: string;
  createdBy: string;
  createdMs: number;
  passwordMs: number;
}

export interface AuditRow {
  /** A KSUID: sorted by id is sorted by time. */
  entryId: string;
  atMs: number;
  actor: string;
  kind: string;
  credential: string;
  method: string;
  target: string;
  /** ok, an error code, or empty until the call has ended. */
  outcome: string;
  peer: string;
  managerId: string;
  traceId: string;
  calls: number;
}

export interface AuditEnd {
  entryId: string;
  target: string;
  outcome: string;
  calls: number;
}

export interface AuditFilter {
  actor?: string | undefined;
  /** Service/Method, or Service/ for all of a service. */
  method?: string | undefined;
  sinceMs?: number | undefined;
  /** Exclusive. */
  untilMs?: number | undefined;
  /** Only entries with a smaller id: the last one of the page before. */
  beforeEntryId?: string | undefined;
  limit: number;
}
