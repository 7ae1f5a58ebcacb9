/* VK_EXT_hdr_metadata: what the display that frames were made on could show, from the next frame
 * on.
 */
#include "driver/drv_entry.h"
#include "driver/wsi/swapchain.h"

VKAPI_ATTR void VKAPI_CALL
drv_SetHdrMetadataEXT(VkDevice device, uint32_t swapchainCount, const VkSwapchainKHR *pSwapchains,
                      const VkHdrMetadataEXT *pMetadata)
{
    for (uint32_t i = 0; i < swapchainCount; i++) {
        struct wsi_swapchain *swapchain = wsi_swapchain_from(pSwapchains[i]);
        pthread_mutex_lock(&swapchain->lock);
        swapchain->hdr.metadata = pMetadata[i];
        swapchain->hdr.metadata.pNext = NULL; /* which is the caller's */
        swapchain->hdr.serial++;
        pthread_mutex_unlock(&swapchain->lock);
    }
}
