export declare const PAGE_BYTES: number;
export declare function pageAt(write: number, pages: number): number;
export declare function stamped(write: number, page: number): Buffer;
export declare function firstMixedPage(bytes: Buffer): number | undefined;
