export declare function clientDocument(document: object): object;
export declare function hashOf(document: object): string;
