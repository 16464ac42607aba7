// The typed face of native/binding/security_binding.cc.

export interface NativeSecurity {
  /**
   * AES-256-GCM: writes `from` encrypted and 16 bytes of tag into `into`, which is so much longer and does not overlap. A key of 32 bytes
   * must see each counter once. Throws TypeError.
   */
  sealMessage(key: Uint8Array, counter: number, from: Uint8Array, into: Uint8Array): void;
  /** A certificate of a private key (both PEM) that it has signed itself, valid for so many days. Throws TypeError. */
  selfSigned(key: string, commonName: string, days: number): string;
}
