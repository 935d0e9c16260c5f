/**
 * Options of `docker run` with docker's own names and meaning. Strings are in docker's own syntax
 * (`8080:80`, `512m`, `nofile=1024:2048`, `1m30s`) and checked before anything happens. A list is an
 * option that may be repeated.
 */
export interface ContainerOptions {
  // life
  readonly name?: string | undefined;
  readonly detach?: boolean | undefined;
  readonly rm?: boolean | undefined;
  readonly restart?: string | undefined;
  readonly init?: boolean | undefined;
  readonly stopSignal?: string | undefined;
  /** Seconds. */
  readonly stopTimeout?: string | undefined;
  /** File for the container's id; it must not exist. */
  readonly cidfile?: string | undefined;
  readonly platform?: string | undefined;
  /** When to pull the image; `missing` by default. */
  readonly pull?: "always" | "missing" | "never" | undefined;
  /** No progress of pulls. */
  readonly quiet?: boolean | undefined;

  // streams and terminal
  readonly interactive?: boolean | undefined;
  readonly tty?: boolean | undefined;
  /** Of `stdin`, `stdout`, `stderr`; without it the two outputs. */
  readonly attach?: readonly string[] | undefined;
  readonly detachKeys?: string | undefined;
  /** Pass signals on to the program; on by default, and never with a terminal. */
  readonly sigProxy?: boolean | undefined;

  // the program
  readonly entrypoint?: string | undefined;
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly groupAdd?: readonly string[] | undefined;
  readonly env?: readonly string[] | undefined;
  readonly envFile?: readonly string[] | undefined;
  readonly label?: readonly string[] | undefined;
  readonly labelFile?: readonly string[] | undefined;
  readonly annotation?: readonly string[] | undefined;

  // health
  readonly healthCmd?: string | undefined;
  readonly healthInterval?: string | undefined;
  readonly healthTimeout?: string | undefined;
  readonly healthRetries?: string | undefined;
  readonly healthStartPeriod?: string | undefined;
  readonly healthStartInterval?: string | undefined;
  readonly noHealthcheck?: boolean | undefined;

  // network
  /** Name, or docker's long form `name=…,alias=…`; several from API 1.44. */
  readonly network?: string | readonly string[] | undefined;
  readonly networkAlias?: readonly string[] | undefined;
  readonly ip?: string | undefined;
  readonly ip6?: string | undefined;
  readonly linkLocalIp?: readonly string[] | undefined;
  readonly macAddress?: string | undefined;
  readonly link?: readonly string[] | undefined;
  readonly publish?: readonly string[] | undefined;
  readonly publishAll?: boolean | undefined;
  readonly expose?: readonly string[] | undefined;
  readonly hostname?: string | undefined;
  readonly domainname?: string | undefined;
  readonly addHost?: readonly string[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly dnsSearch?: readonly string[] | undefined;
  readonly dnsOption?: readonly string[] | undefined;

  // mounts
  readonly volume?: readonly string[] | undefined;
  readonly volumeDriver?: string | undefined;
  readonly volumesFrom?: readonly string[] | undefined;
  readonly mount?: readonly string[] | undefined;
  readonly tmpfs?: readonly string[] | undefined;
  readonly readOnly?: boolean | undefined;
  readonly storageOpt?: readonly string[] | undefined;
  readonly shmSize?: string | undefined;

  // rights and namespaces
  readonly privileged?: boolean | undefined;
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  readonly securityOpt?: readonly string[] | undefined;
  readonly sysctl?: readonly string[] | undefined;
  readonly ipc?: string | undefined;
  readonly pid?: string | undefined;
  readonly uts?: string | undefined;
  readonly userns?: string | undefined;
  readonly cgroupns?: string | undefined;
  readonly cgroupParent?: string | undefined;
  readonly runtime?: string | undefined;
  readonly isolation?: string | undefined;

  // limits
  readonly memory?: string | undefined;
  readonly memorySwap?: string | undefined;
  readonly memoryReservation?: string | undefined;
  readonly memorySwappiness?: string | undefined;
  readonly oomKillDisable?: boolean | undefined;
  readonly oomScoreAdj?: string | undefined;
  readonly cpus?: string | undefined;
  readonly cpuShares?: string | undefined;
  readonly cpuPeriod?: string | undefined;
  readonly cpuQuota?: string | undefined;
  readonly cpuRtPeriod?: string | undefined;
  readonly cpuRtRuntime?: string | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pidsLimit?: string | undefined;
  readonly ulimit?: readonly string[] | undefined;
  readonly blkioWeight?: string | undefined;
  readonly blkioWeightDevice?: readonly string[] | undefined;

  // devices
  readonly device?: readonly string[] | undefined;
  readonly deviceCgroupRule?: readonly string[] | undefined;
  readonly deviceReadBps?: readonly string[] | undefined;
  readonly deviceReadIops?: readonly string[] | undefined;
  readonly deviceWriteBps?: readonly string[] | undefined;
  readonly deviceWriteIops?: readonly string[] | undefined;
  readonly gpus?: readonly string[] | undefined;

  // logs
  readonly logDriver?: string | undefined;
  readonly logOpt?: readonly string[] | undefined;
}
