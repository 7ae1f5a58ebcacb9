/* The Vulkan functions that our programs call, as X-macro lists: vkh declares a variable of each
 * name, so that callers write plain Vulkan. Optional ones are NULL where device or loader lack
 * them. */
#ifndef VKH_FUNCTIONS_H
#define VKH_FUNCTIONS_H

#define VKH_GLOBAL_FUNCTIONS(X)                                                                    \
    X(vkCreateInstance)                                                                            \
    X(vkEnumerateInstanceExtensionProperties)                                                      \
    X(vkEnumerateInstanceLayerProperties)                                                          \
    X(vkEnumerateInstanceVersion)

#define VKH_INSTANCE_FUNCTIONS(X)                                                                  \
    X(vkCreateDevice)                                                                              \
    X(vkDestroyInstance)                                                                           \
    X(vkEnumerateDeviceExtensionProperties)                                                        \
    X(vkEnumeratePhysicalDevices)                                                                  \
    X(vkGetDeviceProcAddr)                                                                         \
    X(vkGetPhysicalDeviceExternalBufferProperties)                                                 \
    X(vkGetPhysicalDeviceExternalFenceProperties)                                                  \
    X(vkGetPhysicalDeviceExternalSemaphoreProperties)                                              \
    X(vkGetPhysicalDeviceFeatures)                                                                 \
    X(vkGetPhysicalDeviceFeatures2)                                                                \
    X(vkGetPhysicalDeviceFormatProperties)                                                         \
    X(vkGetPhysicalDeviceFormatProperties2)                                                        \
    X(vkGetPhysicalDeviceImageFormatProperties)                                                    \
    X(vkGetPhysicalDeviceImageFormatProperties2)                                                   \
    X(vkGetPhysicalDeviceMemoryProperties)                                                         \
    X(vkGetPhysicalDeviceMemoryProperties2)                                                        \
    X(vkGetPhysicalDeviceProperties)                                                               \
    X(vkGetPhysicalDeviceProperties2)                                                              \
    X(vkGetPhysicalDeviceQueueFamilyProperties)

#define VKH_INSTANCE_OPTIONAL_FUNCTIONS(X)                                                         \
    X(vkCreateDebugUtilsMessengerEXT)                                                              \
    X(vkDestroyDebugUtilsMessengerEXT)

#define VKH_DEVICE_FUNCTIONS(X)                                                                    \
    X(vkAllocateCommandBuffers)                                                                    \
    X(vkAllocateDescriptorSets)                                                                    \
    X(vkAllocateMemory)                                                                            \
    X(vkBeginCommandBuffer)                                                                        \
    X(vkBindBufferMemory)                                                                          \
    X(vkBindBufferMemory2)                                                                         \
    X(vkBindImageMemory)                                                                           \
    X(vkBindImageMemory2)                                                                          \
    X(vkCmdBeginQuery)                                                                             \
    X(vkCmdBeginRenderPass)                                                                        \
    X(vkCmdBindDescriptorSets)                                                                     \
    X(vkCmdBindIndexBuffer)                                                                        \
    X(vkCmdBindPipeline)                                                                           \
    X(vkCmdBindVertexBuffers)                                                                      \
    X(vkCmdBlitImage)                                                                              \
    X(vkCmdClearAttachments)                                                                       \
    X(vkCmdClearColorImage)                                                                        \
    X(vkCmdCopyBuffer)                                                                             \
    X(vkCmdCopyBufferToImage)                                                                      \
    X(vkCmdCopyImage)                                                                              \
    X(vkCmdCopyImageToBuffer)                                                                      \
    X(vkCmdCopyQueryPoolResults)                                                                   \
    X(vkCmdDispatch)                                                                               \
    X(vkCmdDispatchIndirect)                                                                       \
    X(vkCmdDraw)                                                                                   \
    X(vkCmdDrawIndexed)                                                                            \
    X(vkCmdDrawIndirect)                                                                           \
    X(vkCmdEndQuery)                                                                               \
    X(vkCmdEndRenderPass)                                                                          \
    X(vkCmdExecuteCommands)                                                                        \
    X(vkCmdFillBuffer)                                                                             \
    X(vkCmdPipelineBarrier)                                                                        \
    X(vkCmdPushConstants)                                                                          \
    X(vkCmdResetEvent)                                                                             \
    X(vkCmdResetQueryPool)                                                                         \
    X(vkCmdSetEvent)                                                                               \
    X(vkCmdSetScissor)                                                                             \
    X(vkCmdSetViewport)                                                                            \
    X(vkCmdUpdateBuffer)                                                                           \
    X(vkCmdWaitEvents)                                                                             \
    X(vkCmdWriteTimestamp)                                                                         \
    X(vkCreateBuffer)                                                                              \
    X(vkCreateBufferView)                                                                          \
    X(vkCreateCommandPool)                                                                         \
    X(vkCreateComputePipelines)                                                                    \
    X(vkCreateDescriptorPool)                                                                      \
    X(vkCreateDescriptorSetLayout)                                                                 \
    X(vkCreateDescriptorUpdateTemplate)                                                            \
    X(vkCreateEvent)                                                                               \
    X(vkCreateFence)                                                                               \
    X(vkCreateFramebuffer)                                                                         \
    X(vkCreateGraphicsPipelines)                                                                   \
    X(vkCreateImage)                                                                               \
    X(vkCreateImageView)                                                                           \
    X(vkCreatePipelineCache)                                                                       \
    X(vkCreatePipelineLayout)                                                                      \
    X(vkCreateQueryPool)                                                                           \
    X(vkCreateRenderPass)                                                                          \
    X(vkCreateSampler)                                                                             \
    X(vkCreateSemaphore)                                                                           \
    X(vkCreateShaderModule)                                                                        \
    X(vkDestroyBuffer)                                                                             \
    X(vkDestroyBufferView)                                                                         \
    X(vkDestroyCommandPool)                                                                        \
    X(vkDestroyDescriptorPool)                                                                     \
    X(vkDestroyDescriptorSetLayout)                                                                \
    X(vkDestroyDescriptorUpdateTemplate)                                                           \
    X(vkDestroyDevice)                                                                             \
    X(vkDestroyEvent)                                                                              \
    X(vkDestroyFence)                                                                              \
    X(vkDestroyFramebuffer)                                                                        \
    X(vkDestroyImage)                                                                              \
    X(vkDestroyImageView)                                                                          \
    X(vkDestroyPipeline)                                                                           \
    X(vkDestroyPipelineCache)                                                                      \
    X(vkDestroyPipelineLayout)                                                                     \
    X(vkDestroyQueryPool)                                                                          \
    X(vkDestroyRenderPass)                                                                         \
    X(vkDestroySampler)                                                                            \
    X(vkDestroySemaphore)                                                                          \
    X(vkDestroyShaderModule)                                                                       \
    X(vkDeviceWaitIdle)                                                                            \
    X(vkEndCommandBuffer)                                                                          \
    X(vkFlushMappedMemoryRanges)                                                                   \
    X(vkFreeCommandBuffers)                                                                        \
    X(vkFreeDescriptorSets)                                                                        \
    X(vkFreeMemory)                                                                                \
    X(vkGetBufferMemoryRequirements)                                                               \
    X(vkGetBufferMemoryRequirements2)                                                              \
    X(vkGetDeviceQueue)                                                                            \
    X(vkGetEventStatus)                                                                            \
    X(vkGetFenceStatus)                                                                            \
    X(vkGetImageMemoryRequirements)                                                                \
    X(vkGetImageMemoryRequirements2)                                                               \
    X(vkGetImageSubresourceLayout)                                                                 \
    X(vkGetPipelineCacheData)                                                                      \
    X(vkGetQueryPoolResults)                                                                       \
    X(vkGetRenderAreaGranularity)                                                                  \
    X(vkInvalidateMappedMemoryRanges)                                                              \
    X(vkMapMemory)                                                                                 \
    X(vkMergePipelineCaches)                                                                       \
    X(vkQueueSubmit)                                                                               \
    X(vkQueueWaitIdle)                                                                             \
    X(vkResetCommandBuffer)                                                                        \
    X(vkResetCommandPool)                                                                          \
    X(vkResetDescriptorPool)                                                                       \
    X(vkResetEvent)                                                                                \
    X(vkResetFences)                                                                               \
    X(vkSetEvent)                                                                                  \
    X(vkTrimCommandPool)                                                                           \
    X(vkUnmapMemory)                                                                               \
    X(vkUpdateDescriptorSetWithTemplate)                                                           \
    X(vkUpdateDescriptorSets)                                                                      \
    X(vkWaitForFences)

/* Newer than Vulkan 1.1, or of an extension: look at the device before calling. */
#define VKH_DEVICE_OPTIONAL_FUNCTIONS(X)                                                           \
    X(vkCmdBeginRendering)                                                                         \
    X(vkCmdCopyBuffer2)                                                                            \
    X(vkCmdDrawIndirectCount)                                                                      \
    X(vkCmdEndRendering)                                                                           \
    X(vkCmdPipelineBarrier2)                                                                       \
    X(vkCmdPushDescriptorSetKHR)                                                                   \
    X(vkCmdPushDescriptorSetWithTemplateKHR)                                                       \
    X(vkCmdSetCullMode)                                                                            \
    X(vkCmdWriteTimestamp2)                                                                        \
    X(vkCreatePrivateDataSlot)                                                                     \
    X(vkCreateRenderPass2)                                                                         \
    X(vkDestroyPrivateDataSlot)                                                                    \
    X(vkGetBufferDeviceAddress)                                                                    \
    X(vkGetDeviceBufferMemoryRequirements)                                                         \
    X(vkGetImageDrmFormatModifierPropertiesEXT)                                                    \
    X(vkGetMemoryFdKHR)                                                                            \
    X(vkGetMemoryFdPropertiesKHR)                                                                  \
    X(vkGetPrivateData)                                                                            \
    X(vkGetSemaphoreCounterValue)                                                                  \
    X(vkQueueSubmit2)                                                                              \
    X(vkResetQueryPool)                                                                            \
    X(vkSetPrivateData)                                                                            \
    X(vkSignalSemaphore)                                                                           \
    X(vkWaitSemaphores)

#endif
