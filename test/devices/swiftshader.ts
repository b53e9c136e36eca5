import { existsSync } from 'node:fs'

/** Where a driver lies that draws on the processor: `LETHE_VULKAN_DRIVER`, else that of Debian's Chromium. */
const driver = [process.env.LETHE_VULKAN_DRIVER, '/usr/lib/chromium/vk_swiftshader_icd.json'].find(
  (path) => path && existsSync(path),
)
const loader = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib/aarch64-linux-gnu/libvulkan.so.1'].find(
  existsSync,
)

/** Environment under which a process finds SwiftShader and no other card, or undefined where it is not installed. */
export const swiftShader =
  driver && loader ? { ...process.env, VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver } : undefined

/** Why tests of WebGPU are skipped. */
export const withoutSwiftShader =
  'needs the Vulkan loader and SwiftShader: install them (Debian: apt-get install libvulkan1 chromium), or name the driver file in LETHE_VULKAN_DRIVER'
